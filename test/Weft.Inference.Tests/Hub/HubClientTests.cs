using System.Security.Cryptography;
using System.Text;
using Weft.Inference.Hub;

namespace Weft.Inference.Tests.Hub;

/// <summary>Pulling a model over a local server: what a network and a hub can do to a download.</summary>
public sealed class HubClientTests : IDisposable
{
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";
    private static readonly byte[] s_config = """{"model_type":"gpt2"}"""u8.ToArray(), s_weights = [.. Enumerable.Range(0, 300_000).Select(static i => (byte)(i * 7 + i / 251))];
    private static readonly HubReference s_model = HubReference.Parse("org/model");
    private readonly string _folder = Directory.CreateTempSubdirectory("weft-hub-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Pull_OfAModel_FillsTheSharedLayout_AndTheSecondTimeOnlyAsksForTheList()
    {
        using LocalHub hub = new(static r => LocalHub.Serve(r, Commit, ("config.json", s_config), ("model.safetensors", s_weights), ("pytorch_model.bin", s_weights), ("onnx/model.onnx", s_config)));
        using HubClient client = new(Settings(hub));
        string folder = await client.PullAsync(s_model);
        string repository = Path.Combine(_folder, "models--org--model");
        Assert.Equal(Path.Combine(repository, "snapshots", Commit), folder);
        Assert.Equal(["config.json", "model.safetensors"], Directory.GetFiles(folder).Select(Path.GetFileName).Order()); // no .bin beside safetensors, no folders
        Assert.Equal(s_weights, File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
        Assert.Equal(Commit, File.ReadAllText(Path.Combine(repository, "refs", "main")));
        Assert.Equal(s_weights, File.ReadAllBytes(Path.Combine(repository, "blobs", Convert.ToHexStringLower(SHA256.HashData(s_weights)))));
        if (!OperatingSystem.IsWindows()) Assert.StartsWith(Path.Combine("..", "..", "blobs"), new FileInfo(Path.Combine(folder, "config.json")).LinkTarget, StringComparison.Ordinal);

        int asked = hub.Requests.Count;
        Assert.Equal(folder, await client.PullAsync(s_model));
        Assert.Equal(asked + 1, hub.Requests.Count);
        Assert.Equal(folder, client.Cache.Snapshot(s_model));
    }

    [Fact]
    public async Task Pull_WithPatterns_TakesWhatMatches()
    {
        using LocalHub hub = new(static r => LocalHub.Serve(r, Commit, ("a.gguf", s_weights), ("b.gguf", s_config), ("onnx/model.onnx", s_config)));
        using HubClient client = new(Settings(hub));
        string folder = await client.PullAsync(s_model, ["a*", "*.onnx"]);
        Assert.True(File.Exists(Path.Combine(folder, "a.gguf")) && File.Exists(Path.Combine(folder, "onnx", "model.onnx")));
        Assert.False(File.Exists(Path.Combine(folder, "b.gguf")));
        HubException none = await Assert.ThrowsAsync<HubException>(() => client.PullAsync(s_model, ["*.zip"]));
        Assert.Contains("*.zip", none.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_OverConnectionsThatAreCut_GoesOnWhereItStopped()
    {
        using LocalHub hub = new(static r =>
        {
            LocalAnswer answer = LocalHub.Serve(r, Commit, ("model.safetensors", s_weights));
            return r.Method == "GET" && r.Path.Contains("resolve", StringComparison.Ordinal) && answer.Body.Length > 100_000 ? answer with { CutAfter = 100_000 } : answer;
        });
        using HubClient client = new(Settings(hub));
        string folder = await client.PullAsync(s_model);
        Assert.Equal(s_weights, File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
        Assert.Equal([0L, 100_000, 200_000], hub.Requests.Where(static r => r.Method == "GET" && r.Path.Contains("resolve", StringComparison.Ordinal)).Select(static r => r.FirstByte));
    }

    [Fact]
    public async Task Pull_InterruptedAndBegunAgain_GoesOnWhereItStopped()
    {
        using LocalHub hub = new(static r => LocalHub.Serve(r, Commit, ("model.safetensors", s_weights)));
        string blobs = Path.Combine(_folder, "models--org--model", "blobs");
        Directory.CreateDirectory(blobs);
        File.WriteAllBytes(Path.Combine(blobs, Convert.ToHexStringLower(SHA256.HashData(s_weights)) + ".incomplete"), s_weights[..123_456]);
        using HubClient client = new(Settings(hub));
        string folder = await client.PullAsync(s_model);
        Assert.Equal(s_weights, File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
        Assert.Equal(123_456, Assert.Single(hub.Requests, static r => r.Method == "GET" && r.Path.Contains("resolve", StringComparison.Ordinal)).FirstByte);
    }

    [Fact]
    public async Task Pull_FromAServerWithoutRanges_BeginsAgain()
    {
        int gets = 0;
        using LocalHub hub = new(r =>
        {
            if (r.Path.StartsWith("/api", StringComparison.Ordinal)) return LocalHub.Serve(r, Commit, ("model.safetensors", s_weights));
            LocalAnswer whole = new(200, s_weights, ("ETag", $"\"{Convert.ToHexStringLower(SHA256.HashData(s_weights))}\""));
            return r.Method == "GET" && Interlocked.Increment(ref gets) == 1 ? whole with { CutAfter = 1000 } : whole;
        });
        using HubClient client = new(Settings(hub));
        Assert.Equal(s_weights, File.ReadAllBytes(Path.Combine(await client.PullAsync(s_model), "model.safetensors")));
    }

    [Fact]
    public async Task Pull_WhoseConnectionAlwaysBreaks_GivesUpAndKeepsWhatIsHere()
    {
        using LocalHub hub = new(static r =>
        {
            LocalAnswer answer = LocalHub.Serve(r, Commit, ("model.safetensors", s_weights));
            return r.Method == "GET" && r.Path.Contains("resolve", StringComparison.Ordinal) ? answer with { CutAfter = r.FirstByte == 0 ? 5000 : 0 } : answer;
        });
        using HubClient client = new(Settings(hub));
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.PullAsync(s_model));
        Assert.Contains("was cut at byte 5000 of 300000", error.Message, StringComparison.Ordinal);
        Assert.Equal(5000, new FileInfo(Assert.Single(Directory.GetFiles(_folder, "*.incomplete", SearchOption.AllDirectories))).Length);
        Assert.Null(client.Cache.Snapshot(s_model));
    }

    [Theory]
    [InlineData(64)] // SHA-256 of a large file
    [InlineData(40)] // SHA-1 that git gives a small one
    public async Task Pull_OfBytesWithAnotherHash_ThrowsThemAway(int digits)
    {
        using LocalHub hub = new(r => r.Path.StartsWith("/api", StringComparison.Ordinal) ? LocalHub.Serve(r, Commit, ("config.json", s_config)) : LocalHub.File(r, s_config, new string('a', digits)));
        using HubClient client = new(Settings(hub));
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.PullAsync(s_model));
        Assert.Contains("does not have the hash", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(Path.Combine(_folder, "models--org--model", "blobs")));
    }

    [Fact]
    public async Task Pull_OfAGitHash_IsChecked()
    {
        byte[] prefix = Encoding.ASCII.GetBytes($"blob {s_config.Length}\0");
        string hash = Convert.ToHexStringLower(SHA1.HashData([.. prefix, .. s_config]));
        using LocalHub hub = new(r => r.Path.StartsWith("/api", StringComparison.Ordinal) ? LocalHub.Serve(r, Commit, ("config.json", s_config)) : LocalHub.File(r, s_config, hash));
        using HubClient client = new(Settings(hub));
        Assert.Equal(s_config, File.ReadAllBytes(Path.Combine(await client.PullAsync(s_model), "config.json")));
    }

    [Fact]
    public async Task Pull_RedirectedToAnotherHost_LeavesTheTokenBehind()
    {
        using LocalHub store = new(static r => LocalHub.File(r, s_weights));
        string hash = Convert.ToHexStringLower(SHA256.HashData(s_weights));
        using LocalHub hub = new(r => r.Path.StartsWith("/api", StringComparison.Ordinal)
            ? LocalHub.Serve(r, Commit, ("model.safetensors", s_weights))
            : LocalAnswer.Text(302, "", ("Location", $"{store.Address}cdn/blob?signed=1"), ("X-Linked-Etag", $"\"{hash}\""), ("X-Linked-Size", $"{s_weights.Length}")));
        using HubClient client = new(Settings(hub) with { Token = "hf_secret" });
        Assert.Equal(s_weights, File.ReadAllBytes(Path.Combine(await client.PullAsync(s_model), "model.safetensors")));
        Assert.All(hub.Requests, static r => Assert.Equal("Bearer hf_secret", r.Token));
        Assert.Equal("/cdn/blob?signed=1", Assert.Single(store.Requests).Path);
        Assert.All(store.Requests, static r => Assert.Null(r.Token));
    }

    [Fact]
    public async Task Pull_RedirectedOnTheHub_KeepsTheToken()
    {
        using LocalHub hub = new(static r => r.Path.StartsWith("/api/models/org/model/", StringComparison.Ordinal)
            ? LocalAnswer.Text(307, "", ("Location", "/api/models/org/renamed/revision/main?blobs=true"))
            : LocalHub.Serve(r, Commit, ("config.json", s_config)));
        using HubClient client = new(Settings(hub) with { Token = "hf_secret" });
        await client.PullAsync(s_model);
        Assert.All(hub.Requests, static r => Assert.Equal("Bearer hf_secret", r.Token));
    }

    [Fact]
    public async Task Pull_RedirectedInACircle_Ends()
    {
        using LocalHub hub = new(static r => LocalAnswer.Text(302, "", ("Location", r.Path)));
        using HubClient client = new(Settings(hub));
        Assert.Contains("circle", (await Assert.ThrowsAsync<HubException>(() => client.PullAsync(s_model))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(401, null, "HF_TOKEN")]
    [InlineData(401, "hf_wrong", "Check HF_TOKEN")]
    [InlineData(403, "hf_right", "terms")]
    [InlineData(404, null, "no such model")]
    [InlineData(418, null, "418")]
    public async Task Pull_ThatIsRefused_SaysWhatToDo(int status, string? token, string says)
    {
        using LocalHub hub = new(_ => LocalAnswer.Text(status, ""));
        using HubClient client = new(Settings(hub) with { Token = token });
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.PullAsync(s_model));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hf_", error.Message, StringComparison.Ordinal);
        Assert.Single(hub.Requests);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(503)]
    public async Task Pull_FromABusyHub_TriesAgain(int status)
    {
        int count = 0;
        using LocalHub hub = new(r => Interlocked.Increment(ref count) <= 2 ? LocalAnswer.Text(status, "", ("Retry-After", "0")) : LocalHub.Serve(r, Commit, ("config.json", s_config)));
        using HubClient client = new(Settings(hub));
        await client.PullAsync(s_model);
        Assert.True(count > 3);

        using LocalHub always = new(_ => LocalAnswer.Text(status, ""));
        using HubClient patient = new(Settings(always));
        HubException error = await Assert.ThrowsAsync<HubException>(() => patient.PullAsync(s_model));
        Assert.Contains($"{status}", error.Message, StringComparison.Ordinal);
        Assert.Equal(Settings(always).RetryCount + 1, always.Requests.Count);
    }

    [Theory]
    [InlineData("../evil")]
    [InlineData("/etc/passwd")]
    [InlineData("a/../../b")]
    [InlineData("C:evil")]
    public async Task Pull_OfAFileOutsideTheModel_IsRefused(string path)
    {
        using LocalHub hub = new(r => LocalHub.Serve(r, Commit, (path, s_config)));
        using HubClient client = new(Settings(hub));
        Assert.Contains("leads out of", (await Assert.ThrowsAsync<HubException>(() => client.PullAsync(s_model, ["*"]))).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_folder, "models--org--model")));
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("{}")]
    [InlineData("""{"sha":"../..","siblings":[]}""")]
    [InlineData("""{"sha":7,"siblings":[]}""")]
    public async Task Pull_FromSomethingThatIsNoHub_SaysSo(string answer)
    {
        using LocalHub hub = new(_ => LocalAnswer.Text(200, answer));
        using HubClient client = new(Settings(hub));
        await Assert.ThrowsAsync<HubException>(() => client.PullAsync(s_model));
    }

    [Fact]
    public async Task Pull_Offline_UsesTheCacheAndAsksNobody()
    {
        using LocalHub hub = new(static r => LocalHub.Serve(r, Commit, ("config.json", s_config)));
        using HubClient online = new(Settings(hub)), offline = new(Settings(hub) with { Offline = true });
        Assert.Contains("HF_HUB_OFFLINE", (await Assert.ThrowsAsync<HubException>(() => offline.PullAsync(s_model))).Message, StringComparison.Ordinal);
        Assert.Empty(hub.Requests);
        string folder = await online.PullAsync(s_model);
        int asked = hub.Requests.Count;
        Assert.Equal(folder, await offline.PullAsync(s_model));
        Assert.Equal(asked, hub.Requests.Count);
    }

    [Fact]
    public void FromEnvironment_ReadsTheUsualPlaces()
    {
        File.WriteAllText(Path.Combine(_folder, "token"), "hf_file\n");
        HubSettings Read(params (string Name, string Value)[] variables) => HubSettings.FromEnvironment(name => variables.FirstOrDefault(v => v.Name == name).Value);
        Assert.Equal(Path.Combine(_folder, "hub"), Read(("HF_HOME", _folder)).CacheFolder);
        Assert.Equal("hf_file", Read(("HF_HOME", _folder)).Token);
        Assert.Equal("hf_file", Read(("HF_TOKEN_PATH", Path.Combine(_folder, "token"))).Token);
        Assert.Equal("hf_env", Read(("HF_HOME", _folder), ("HF_TOKEN", " hf_env ")).Token);
        Assert.Equal("elsewhere", Read(("HF_HUB_CACHE", "elsewhere"), ("HF_HOME", _folder)).CacheFolder);
        Assert.Equal(new Uri("http://localhost:9"), Read(("HF_ENDPOINT", "http://localhost:9/")).Endpoint);
        Assert.True(Read(("HF_HUB_OFFLINE", "1")).Offline);
        Assert.False(Read(("HF_HUB_OFFLINE", "0")).Offline);
        Assert.Throws<FormatException>(() => Read(("HF_ENDPOINT", "localhost")));
    }

    [Theory]
    [InlineData("org/model", "org/model", "main")]
    [InlineData("org/model@v1.0", "org/model", "v1.0")]
    [InlineData("org/model@refs/pr/3", "org/model", "refs/pr/3")]
    [InlineData("gpt2", null, null)]
    [InlineData("a/b/c", null, null)]
    [InlineData("../model", null, null)]
    [InlineData("org/..", null, null)]
    [InlineData("org/model@", null, null)]
    [InlineData("org/model@../x", null, null)]
    [InlineData("./model", null, null)]
    public void TryParse_ReadsReferencesAndNothingElse(string text, string? repository, string? revision)
    {
        HubReference? reference = HubReference.TryParse(text);
        Assert.Equal(repository, reference?.Repository);
        Assert.Equal(revision, reference?.Revision);
    }

    private HubSettings Settings(LocalHub hub) => new() { Endpoint = hub.Address, CacheFolder = _folder, RetryCount = 3, RetryPause = TimeSpan.FromMilliseconds(1) };
}
