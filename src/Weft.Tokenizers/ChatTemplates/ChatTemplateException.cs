namespace Weft.Tokenizers;

/// <summary>A chat template that is wrong, or that failed on a conversation.</summary>
public sealed class ChatTemplateException : Exception
{
    /// <summary>An error of a kind.</summary>
    /// <param name="kind">The name that Jinja or Python gives it, such as <c>TemplateSyntaxError</c> or <c>TypeError</c>.</param>
    /// <param name="message">What is wrong.</param>
    public ChatTemplateException(string kind, string message)
        : base(message) => Kind = kind;

    /// <summary>
    /// <c>TemplateSyntaxError</c>, <c>TemplateAssertionError</c> (an unknown filter or test), <c>UndefinedError</c>,
    /// <c>SecurityError</c>, <c>TemplateRuntimeError</c>, <c>TemplateError</c> (the template's own <c>raise_exception</c>), or the
    /// name of a Python error such as <c>TypeError</c>.
    /// </summary>
    public string Kind { get; }

    internal static ChatTemplateException Syntax(string message, int line) => new("TemplateSyntaxError", $"line {line}: {message}");

    internal static ChatTemplateException Type(string message) => new("TypeError", message);

    internal static ChatTemplateException Value(string message) => new("ValueError", message);

    internal static ChatTemplateException Overflow(string message) => new("OverflowError", message);
}
