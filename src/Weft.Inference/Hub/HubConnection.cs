using System.Net;
using System.Net.Http.Headers;

namespace Weft.Inference.Hub;

/// <summary>Requests to a hub: redirects followed by hand, so that the token stays with the hub; passing failures tried again.</summary>
internal sealed class HubConnection : IDisposable
{
    private const int MostRedirects = 10, MostAnswerBytes = 64 << 20;
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMinutes(2);
    private readonly HubSettings _settings;
    private readonly HttpClient _http;

    internal HubConnection(HubSettings settings)
    {
        _settings = settings;
        SocketsHttpHandler handler = new() { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(20), PooledConnectionLifetime = TimeSpan.FromMinutes(5) };
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = MostAnswerBytes };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("weft", typeof(HubConnection).Assembly.GetName().Version?.ToString(3) ?? "0"));
    }

    /// <summary>The body of an answer that fits in memory.</summary>
    internal async Task<byte[]> GetBytes(Uri address, HubReference reference, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await Send(HttpMethod.Get, address, reference, followToOthers: true, firstByte: 0, cancellation).ConfigureAwait(false);
        try
        {
            await response.Content.LoadIntoBufferAsync(MostAnswerBytes, cancellation).ConfigureAwait(false);
            return await response.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false);
        }
        catch (HttpRequestException exception)
        {
            throw new HubException($"{address} stopped in the middle of its answer: {Reason(exception)}", exception);
        }
    }

    /// <summary>An answer whose headers have come; it succeeded, or is a redirect to another host that was not followed.</summary>
    /// <param name="method">GET or HEAD.</param>
    /// <param name="address">Where.</param>
    /// <param name="reference">What the user asked for, for messages.</param>
    /// <param name="followToOthers">Whether to follow redirects to other hosts; those on the hub are always followed.</param>
    /// <param name="firstByte">Asks for the rest of a file from this byte on.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <exception cref="HubException">It was refused, or could not be had after several tries.</exception>
    internal async Task<HttpResponseMessage> Send(HttpMethod method, Uri address, HubReference reference, bool followToOthers, long firstByte, CancellationToken cancellation)
    {
        for (int attempt = 0; ; attempt++)
        {
            TimeSpan pause = _settings.RetryPause * Math.Pow(2, attempt);
            string failure;
            try
            {
                HttpResponseMessage response = await Follow(method, address, followToOthers, firstByte, cancellation).ConfigureAwait(false);
                if (IsRedirect(response) || response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable) return response;
                using (response)
                {
                    if (!MayPass(response.StatusCode)) throw Refusal(response.StatusCode, reference, address);
                    failure = response.StatusCode == HttpStatusCode.TooManyRequests ? "it says that there were too many requests (429)" : $"it answered {(int)response.StatusCode}";
                    if (Wanted(response.Headers.RetryAfter) is { } wanted && wanted > pause) pause = wanted;
                }
            }
            catch (HttpRequestException exception)
            {
                failure = Reason(exception);
            }
            if (attempt == _settings.RetryCount) throw new HubException($"{address.GetLeftPart(UriPartial.Authority)} could not serve {reference}: {failure}; tried {attempt + 1} times. Try again later: what was downloaded is kept.");
            await Task.Delay(pause < s_longestPause ? pause : s_longestPause, cancellation).ConfigureAwait(false);
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>A network error as a few words.</summary>
    internal static string Reason(Exception exception) => (exception.InnerException ?? exception).Message.ReplaceLineEndings(" ").TrimEnd('.');

    private async Task<HttpResponseMessage> Follow(HttpMethod method, Uri address, bool followToOthers, long firstByte, CancellationToken cancellation)
    {
        for (int redirects = 0; ; redirects++)
        {
            using HttpRequestMessage request = new(method, address);
            request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity")); // sizes and ranges are those of the file
            if (firstByte > 0) request.Headers.Range = new RangeHeaderValue(firstByte, null);
            if (_settings.Token is { } token && SameHost(address, _settings.Endpoint)) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation).ConfigureAwait(false);
            if (!IsRedirect(response) || response.Headers.Location is not { } location) return response;

            Uri next = new(address, location);
            if (!followToOthers && !SameHost(next, address)) return response;
            response.Dispose();
            if (address.Scheme == Uri.UriSchemeHttps && next.Scheme != Uri.UriSchemeHttps) throw new HubException($"{address} redirects to {next.GetLeftPart(UriPartial.Authority)}, which is not encrypted; not followed.");
            if (redirects == MostRedirects) throw new HubException($"{address} redirects in a circle.");
            address = next;
        }
    }

    private static bool SameHost(Uri a, Uri b) => a.Scheme == b.Scheme && a.Port == b.Port && string.Equals(a.Host, b.Host, StringComparison.OrdinalIgnoreCase);

    private static bool IsRedirect(HttpResponseMessage response) => (int)response.StatusCode is 301 or 302 or 303 or 307 or 308;

    private static bool MayPass(HttpStatusCode code) => code is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests || (int)code >= 500;

    private static TimeSpan? Wanted(RetryConditionHeaderValue? header) => header?.Delta ?? (header?.Date is { } date ? date - DateTimeOffset.UtcNow : null);

    private HubException Refusal(HttpStatusCode code, HubReference reference, Uri address) => new(code switch
    {
        HttpStatusCode.Unauthorized when _settings.Token is null => $"{reference}: there is no such model, or it is private (401). For a private one set HF_TOKEN to a token that may read it.",
        HttpStatusCode.Unauthorized => $"{reference}: there is no such model, or the token may not read it (401). Check HF_TOKEN.",
        HttpStatusCode.Forbidden => $"{reference}: access is refused (403). If it has terms to accept, accept them at {_settings.Endpoint.AbsoluteUri.TrimEnd('/')}/{reference.Repository} and set HF_TOKEN.",
        HttpStatusCode.NotFound => $"{reference}: {_settings.Endpoint.Authority} has no such model, revision or file (404: {address.AbsolutePath}).",
        _ => $"{reference}: {address.GetLeftPart(UriPartial.Path)} answered {(int)code}.",
    });
}
