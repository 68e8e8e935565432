namespace Weft.Inference.Hub;

/// <summary>A hub refused, or what it sent is not what it announced. The message is one line that says what to do.</summary>
public sealed class HubException(string message, Exception? inner = null) : IOException(message, inner);
