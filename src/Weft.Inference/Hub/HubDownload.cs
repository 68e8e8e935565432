using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Weft.Inference.Hub;

/// <summary>Brings one file into the cache: asks for its size and hash, reads what is missing, checks, then links it.</summary>
internal sealed class HubDownload(HubConnection connection, HubCache cache, HubReference reference, string commit, HubFile file, string root)
{
    private const int BufferBytes = 1 << 17;
    private const int MostCutsInPlace = 5; // without a byte in between
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(60);

    private readonly Uri _address = new($"{root}/{reference.Repository}/resolve/{commit}/{string.Join('/', file.Path.Split('/').Select(Uri.EscapeDataString))}");

    /// <summary>Runs the download. Returns the file's size in bytes.</summary>
    internal async Task<long> RunAsync(Action<long> report, CancellationToken cancellation)
    {
        string linked = cache.SnapshotFile(reference, commit, file.Path);
        if (new FileInfo(linked) is { Exists: true } here && File.Exists(here.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? linked))
            return new FileInfo(here.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? linked).Length;

        (string hash, long size) = await Describe(cancellation).ConfigureAwait(false);
        string blob = cache.Blob(reference, hash), partial = blob + ".incomplete";
        if (!File.Exists(blob))
        {
            await Fetch(partial, size, report, cancellation).ConfigureAwait(false);
            if (!HasHash(partial, hash, size))
            {
                File.Delete(partial);
                throw new HubException($"{reference}: {file.Path} does not have the hash that the hub announced ({hash}); it was thrown away. Try again.");
            }
            File.Move(partial, blob, overwrite: true);
        }
        cache.Link(reference, commit, file.Path, hash);
        report(size);
        return size;
    }

    // The hub's own answer names hash and size even where the bytes lie on another host.
    private async Task<(string Hash, long Size)> Describe(CancellationToken cancellation)
    {
        using HttpResponseMessage response = await connection.Send(HttpMethod.Head, _address, reference, followToOthers: false, firstByte: 0, cancellation).ConfigureAwait(false);
        string? tag = Header(response, "X-Linked-Etag") ?? Header(response, "ETag");
        string hash = (tag ?? "").Trim().TrimStart('W', '/').Trim('"');
        if (hash.Length is 0 or > 128 || !hash.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')) throw new HubException($"{reference}: {_address.Host} gave no usable hash for {file.Path} ('{tag}').");
        long? size = long.TryParse(Header(response, "X-Linked-Size"), out long linked) ? linked : response.IsSuccessStatusCode ? response.Content.Headers.ContentLength ?? file.Bytes : file.Bytes;
        return (hash, size is >= 0 ? size.Value : throw new HubException($"{reference}: {_address.Host} gave no size for {file.Path}."));
    }

    private async Task Fetch(string partial, long size, Action<long> report, CancellationToken cancellation)
    {
        // The file is locked while it grows: two downloads of one model do not mix.
        using FileStream stream = Open(partial);
        if (stream.Length > size) stream.SetLength(0);
        for (int cuts = 0; ;)
        {
            long before = stream.Length;
            if (before == size) return;
            string failure = await Read(stream, size, report, cancellation).ConfigureAwait(false);
            if (stream.Length == size) return;
            cuts = stream.Length > before ? 0 : cuts + 1;
            if (cuts == MostCutsInPlace) throw new HubException($"{reference}: {file.Path} was cut at byte {stream.Length} of {size} {cuts} times: {failure}. Try again: what is here is kept.");
        }
    }

    // One request; returns why it ended early.
    private async Task<string> Read(FileStream stream, long size, Action<long> report, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await connection.Send(HttpMethod.Get, _address, reference, followToOthers: true, stream.Length, cancellation).ConfigureAwait(false);
        bool continues = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == stream.Length;
        if (!continues) stream.SetLength(0); // the server does not do ranges, or not this one: from the beginning
        if (response.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.PartialContent) || (response.StatusCode == HttpStatusCode.PartialContent && !continues)) return $"the server answered {(int)response.StatusCode} to the request for its rest";
        stream.Position = stream.Length;

        using Stream body = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        byte[] buffer = new byte[BufferBytes];
        using CancellationTokenSource silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        while (true)
        {
            int count;
            silence.CancelAfter(s_silence);
            try
            {
                count = await body.ReadAsync(buffer, silence.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is IOException or HttpRequestException || (exception is OperationCanceledException && !cancellation.IsCancellationRequested))
            {
                return exception is OperationCanceledException ? $"nothing came for {s_silence.TotalSeconds:F0} seconds" : HubConnection.Reason(exception);
            }
            if (count == 0) return "the answer ended";
            if (stream.Length + count > size)
            {
                stream.SetLength(0);
                throw new HubException($"{reference}: {file.Path} is longer than the {size} bytes that the hub announced; it was thrown away.");
            }
            await stream.WriteAsync(buffer.AsMemory(0, count), cancellation).ConfigureAwait(false);
            report(stream.Length);
        }
    }

    private FileStream Open(string partial)
    {
        try
        {
            return new FileStream(partial, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException exception) when (File.Exists(partial))
        {
            throw new HubException($"{reference}: {file.Path} is being downloaded by another process; wait for it.", exception);
        }
    }

    private static string? Header(HttpResponseMessage response, string name) => response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.FirstOrDefault() : null;

    // 64 digits are the SHA-256 of a large file, 40 the SHA-1 that git gives a small one; other hubs' tags are only names.
    private static bool HasHash(string path, string hash, long size)
    {
        if (!hash.All(char.IsAsciiHexDigit) || hash.Length is not (40 or 64)) return new FileInfo(path).Length == size;
        using FileStream stream = File.OpenRead(path);
        if (hash.Length == 64) return Convert.ToHexString(SHA256.HashData(stream)).Equals(hash, StringComparison.OrdinalIgnoreCase);
        using IncrementalHash git = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        git.AppendData(Encoding.ASCII.GetBytes($"blob {size}\0"));
        byte[] buffer = new byte[BufferBytes];
        for (int count; (count = stream.Read(buffer)) > 0;) git.AppendData(buffer, 0, count);
        return Convert.ToHexString(git.GetHashAndReset()).Equals(hash, StringComparison.OrdinalIgnoreCase);
    }
}
