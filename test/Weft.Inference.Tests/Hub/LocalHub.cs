using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Weft.Inference.Tests.Hub;

/// <summary>A request that the local hub received.</summary>
internal sealed record LocalRequest(string Method, string Path, string Host, IReadOnlyDictionary<string, string> Headers)
{
    internal string? Token => Headers.GetValueOrDefault("authorization");

    internal long FirstByte => Headers.TryGetValue("range", out string? range) ? long.Parse(range["bytes=".Length..^1], System.Globalization.CultureInfo.InvariantCulture) : 0;
}

/// <summary>What the local hub answers; the body may be cut short of what its headers announce.</summary>
internal sealed record LocalAnswer(int Status, byte[] Body, params (string Name, string Value)[] Headers)
{
    internal int? CutAfter { get; init; }

    internal static LocalAnswer Text(int status, string text, params (string, string)[] headers) => new(status, Encoding.UTF8.GetBytes(text), headers);
}

/// <summary>A hub on the loopback address that answers as a test wants, down to cut connections.</summary>
internal sealed class LocalHub : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<LocalRequest, LocalAnswer> _answer;

    internal LocalHub(Func<LocalRequest, LocalAnswer> answer)
    {
        _answer = answer;
        _listener.Start();
        _ = Task.Run(Serve);
    }

    internal Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>Everything that was asked, in order.</summary>
    internal ConcurrentQueue<LocalRequest> Requests { get; } = new();

    public void Dispose() => _listener.Dispose();

    /// <summary>A hub that serves some files of one commit as Hugging Face does.</summary>
    internal static LocalAnswer Serve(LocalRequest request, string commit, params (string Path, byte[] Bytes)[] files)
    {
        if (request.Path.StartsWith("/api/models/", StringComparison.Ordinal))
        {
            string siblings = string.Join(',', files.Select(static f => $$"""{"rfilename":"{{f.Path}}","size":{{f.Bytes.Length}}}"""));
            return LocalAnswer.Text(200, $$"""{"sha":"{{commit}}","siblings":[{{siblings}}]}""");
        }
        foreach ((string path, byte[] bytes) in files)
            if (request.Path.EndsWith($"/resolve/{commit}/{path}", StringComparison.Ordinal)) return File(request, bytes);
        return LocalAnswer.Text(404, "");
    }

    /// <summary>A file with its hash, or the rest of it that was asked for.</summary>
    internal static LocalAnswer File(LocalRequest request, byte[] bytes, string? hash = null)
    {
        (string, string) tag = ("ETag", $"\"{hash ?? Convert.ToHexStringLower(SHA256.HashData(bytes))}\"");
        long first = request.FirstByte;
        return first == 0 ? new LocalAnswer(200, bytes, tag) : new LocalAnswer(206, bytes[(int)first..], tag, ("Content-Range", $"bytes {first}-{bytes.Length - 1}/{bytes.Length}"));
    }

    private async Task Serve()
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await _listener.AcceptTcpClientAsync();
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return;
            }
            _ = Task.Run(() => Converse(client));
        }
    }

    private void Converse(TcpClient client)
    {
        using (client)
        using (NetworkStream stream = client.GetStream())
        using (StreamReader reader = new(stream, Encoding.ASCII, leaveOpen: true))
        {
            string[] first = (reader.ReadLine() ?? "").Split(' ');
            if (first.Length < 2) return;
            Dictionary<string, string> headers = [];
            for (string? line; (line = reader.ReadLine()) is { Length: > 0 };)
            {
                int colon = line.IndexOf(':', StringComparison.Ordinal);
                headers[line[..colon].ToLowerInvariant()] = line[(colon + 1)..].Trim();
            }
            LocalRequest request = new(first[0], first[1], headers["host"], headers);
            Requests.Enqueue(request);
            LocalAnswer answer = _answer(request);
            StringBuilder head = new($"HTTP/1.1 {answer.Status} x\r\nContent-Length: {answer.Body.Length}\r\nConnection: close\r\n");
            foreach ((string name, string value) in answer.Headers) head.Append($"{name}: {value}\r\n");
            stream.Write(Encoding.ASCII.GetBytes(head + "\r\n"));
            if (request.Method != "HEAD") stream.Write(answer.Body.AsSpan(0, answer.CutAfter ?? answer.Body.Length));
        }
    }
}
