namespace Weft.Inference.Hub;

/// <summary>Which hub, which cache and which token: read from the environment variables that every Hugging Face tool reads.</summary>
public sealed record HubSettings
{
    /// <summary>The hub's address without a slash at its end. <c>HF_ENDPOINT</c>, else Hugging Face.</summary>
    public Uri Endpoint { get; init; } = new("https://huggingface.co");

    /// <summary>The cache. <c>HF_HUB_CACHE</c>, else <c>HF_HOME/hub</c>, else <c>~/.cache/huggingface/hub</c>.</summary>
    public required string CacheFolder { get; init; }

    /// <summary>The access token, sent to <see cref="Endpoint"/> and nowhere else; null for none. <c>HF_TOKEN</c>, else the file that <c>HF_TOKEN_PATH</c> names, else <c>HF_HOME/token</c>.</summary>
    public string? Token { get; init; }

    /// <summary>Whether the network must not be used. <c>HF_HUB_OFFLINE</c>.</summary>
    public bool Offline { get; init; }

    /// <summary>How often a request that failed for a passing reason is made again. Default 5, with pauses of 1, 2, 4, … seconds.</summary>
    public int RetryCount { get; init; } = 5;

    /// <summary>The first of those pauses.</summary>
    public TimeSpan RetryPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Reads the environment.</summary>
    /// <param name="variable">Looks up a variable; the process's own by default.</param>
    /// <exception cref="FormatException"><c>HF_ENDPOINT</c> is not an address.</exception>
    public static HubSettings FromEnvironment(Func<string, string?>? variable = null)
    {
        variable ??= Environment.GetEnvironmentVariable;
        string? Value(string name) => variable(name)?.Trim() is { Length: > 0 } value ? value : null;

        string cacheHome = Value("XDG_CACHE_HOME") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        string home = Value("HF_HOME") ?? Path.Combine(cacheHome, "huggingface");
        HubSettings settings = new()
        {
            CacheFolder = Value("HF_HUB_CACHE") ?? Path.Combine(home, "hub"),
            Token = Value("HF_TOKEN") ?? ReadToken(Value("HF_TOKEN_PATH") ?? Path.Combine(home, "token")),
            Offline = Value("HF_HUB_OFFLINE")?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE",
        };
        if (Value("HF_ENDPOINT") is not { } endpoint) return settings;
        if (!Uri.TryCreate(endpoint.TrimEnd('/'), UriKind.Absolute, out Uri? address) || address.Scheme is not ("http" or "https"))
            throw new FormatException($"HF_ENDPOINT '{endpoint}' is not the address of a hub, such as https://hub.example.");
        return settings with { Endpoint = address };
    }

    private static string? ReadToken(string path)
    {
        try
        {
            return File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } token ? token : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null; // a token that cannot be read is no token; a private model will say that it wants one
        }
    }
}
