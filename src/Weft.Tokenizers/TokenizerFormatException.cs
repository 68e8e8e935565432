namespace Weft.Tokenizers;

/// <summary>A tokenizer file that is damaged, or that names something not known here.</summary>
public sealed class TokenizerFormatException : FormatException
{
    /// <summary>An error in one place of one file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="problem">Where in the file, and what is wrong, in one sentence.</param>
    /// <param name="cause">What was thrown below, if anything was.</param>
    public TokenizerFormatException(string path, string problem, Exception? cause = null)
        : base($"{path}: {problem}", cause)
    {
        Path = path;
        Problem = problem;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Where in the file, and what is wrong.</summary>
    public string Problem { get; }
}
