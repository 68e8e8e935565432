namespace Weft.Tensors.Files;

/// <summary>A file from outside is not what its format says it must be.</summary>
/// <remarks>The message is one line that names the file, the byte and the rule that is broken.</remarks>
public sealed class WeftFileException : IOException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="path">The file.</param>
    /// <param name="byteOffset">Where in the file, counted in bytes from its start.</param>
    /// <param name="reason">The rule that is broken, as a sentence.</param>
    /// <param name="inner">What was caught, if anything.</param>
    /// <param name="fault">Which kind of rule.</param>
    public WeftFileException(string path, long byteOffset, string reason, Exception? inner = null, FileFault fault = FileFault.Other)
        : base($"{path}{(byteOffset == 0 ? "" : $", byte {byteOffset}")}: {reason.ReplaceLineEndings(" ")}", inner)
    {
        Path = path;
        ByteOffset = byteOffset;
        Reason = reason;
        Fault = fault;
    }

    /// <summary>Which kind of rule is broken.</summary>
    public FileFault Fault { get; }

    /// <summary>The file, as it was named when it was opened.</summary>
    public string Path { get; }

    /// <summary>Where in the file, counted in bytes from its start.</summary>
    public long ByteOffset { get; }

    /// <summary>The rule that is broken, without file and position.</summary>
    public string Reason { get; }
}
