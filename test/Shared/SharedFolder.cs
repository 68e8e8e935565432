namespace Weft.Testing;

/// <summary>Finds the reference data that tests read but the repository does not hold.</summary>
/// <remarks>
/// <c>WEFT_SHARED</c> names the folder (default: a <c>shared</c> folder beside the repository), <c>WEFT_GOLDEN</c> its golden
/// part (default <c>golden</c> in it). A missing folder skips the test with the reason, or fails it under
/// <c>WEFT_REQUIRE_SHARED=1</c>, which continuous integration sets.
/// </remarks>
internal static class SharedFolder
{
    /// <summary>The repository's root folder (the one that holds <c>Weft.slnx</c>).</summary>
    public static string RepositoryRoot { get; } = FindRepositoryRoot();

    /// <summary>The folder of corpora, vocabularies and models, whether or not it exists.</summary>
    public static string Root { get; } =
        Absolute(Environment.GetEnvironmentVariable("WEFT_SHARED")) ?? Path.Combine(Path.GetDirectoryName(RepositoryRoot)!, "shared");

    /// <summary>The folder of reference outputs, whether or not it exists.</summary>
    public static string GoldenRoot { get; } =
        Absolute(Environment.GetEnvironmentVariable("WEFT_GOLDEN")) ?? Path.Combine(Root, "golden");

    /// <summary>A path below the shared folder; skips the running test when it is not there.</summary>
    public static string Require(params string[] parts) => RequireUnder(Root, "WEFT_SHARED", parts);

    /// <summary>A path below the golden folder; skips the running test when it is not there.</summary>
    public static string RequireGolden(params string[] parts) => RequireUnder(GoldenRoot, "WEFT_GOLDEN", parts);

    private static string RequireUnder(string root, string variable, string[] parts)
    {
        string path = Path.Combine([root, .. parts]);
        if (!File.Exists(path) && !Directory.Exists(path))
        {
            string reason = $"Needs reference data that is not here: {path} (set {variable}).";
            if (Environment.GetEnvironmentVariable("WEFT_REQUIRE_SHARED") == "1") Assert.Fail(reason);
            Assert.Skip(reason);
        }
        return path;
    }

    // Relative paths are meant relative to where the command was typed, which is the repository's root for `dotnet test`;
    // the test host itself runs elsewhere.
    private static string? Absolute(string? path) =>
        string.IsNullOrEmpty(path) ? null : Path.GetFullPath(path, RepositoryRoot);

    private static string FindRepositoryRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Weft.slnx"))) return folder.FullName;
        throw new InvalidOperationException($"Weft.slnx was not found above {AppContext.BaseDirectory}.");
    }
}
