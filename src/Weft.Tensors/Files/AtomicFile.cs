using System.Text;

namespace Weft.Tensors.Files;

/// <summary>Writes a file so that a crash, a full disk or a failing writer never leaves half of it.</summary>
/// <remarks>
/// The bytes go to a temporary file in the target's own folder (a rename across file systems would be a copy), are flushed to
/// the disk, and the temporary file is renamed over the target. At every moment the target is therefore either the old file
/// or the whole new one. Where the target is a link (the shared Hugging Face cache holds links to blobs), the link is
/// replaced and what it pointed at stays as it was. A process that is killed while it writes leaves its temporary file,
/// <c>.NAME.RANDOM.tmp</c>, behind; nothing reads it.
/// </remarks>
public static class AtomicFile
{
    // Large enough that a tensor written in rows costs few system calls.
    private const int BufferBytes = 1 << 16;

    /// <summary>Replaces the file at <paramref name="path"/> by what <paramref name="write"/> writes.</summary>
    /// <param name="path">The target. Its folder must exist.</param>
    /// <param name="write">Writes the whole content; it may close the stream or leave it open.</param>
    /// <exception cref="IOException">The disk, the folder or <paramref name="write"/> failed: one line that names the file
    /// and the reason. The old file is untouched and no temporary file is left.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="write"/> was cancelled; the old file is untouched.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);

        string target = Path.GetFullPath(path);
        string folder = Path.GetDirectoryName(target)
            ?? throw new IOException($"Could not write {path}: it is a folder.");
        string temporary = Path.Combine(folder, $".{Path.GetFileName(target)}.{Path.GetRandomFileName()}.tmp");
        try
        {
            using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, BufferBytes))
                write(stream);

            // Through a second handle, because the writer may have closed the first (a StreamWriter does): what is flushed
            // belongs to the file, not to the handle.
            using (Microsoft.Win32.SafeHandles.SafeFileHandle handle = File.OpenHandle(temporary, FileMode.Open, FileAccess.Write))
                RandomAccess.FlushToDisk(handle);

            File.Move(temporary, target, overwrite: true);
        }
        catch (Exception exception)
        {
            TryDelete(temporary);
            if (exception is OperationCanceledException) throw;
            throw new IOException($"Could not write {path}: {Reason(exception, folder, target, temporary)}", exception);
        }
    }

    /// <summary>Replaces the file at <paramref name="path"/> by <paramref name="text"/> as UTF-8 without a byte order mark.</summary>
    /// <exception cref="IOException">As for <see cref="Write"/>.</exception>
    public static void WriteText(string path, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        Write(path, stream =>
        {
            using StreamWriter writer = new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            writer.Write(text);
        });
    }

    // The platform's own message ends with the temporary file, which tells the reader nothing; the common reasons get their own words.
    private static string Reason(Exception exception, string folder, string target, string temporary) => exception switch
    {
        DirectoryNotFoundException => $"the folder {folder} does not exist.",
        UnauthorizedAccessException when Directory.Exists(target) => "it is a folder.",
        UnauthorizedAccessException => "no permission.",
        _ => exception.Message.Replace($" : '{temporary}'", ".", StringComparison.Ordinal).ReplaceLineEndings(" "),
    };

    private static void TryDelete(string path)
    {
        try { File.Delete(path); }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to report; a folder that vanished holds no temporary file either.
        }
    }
}
