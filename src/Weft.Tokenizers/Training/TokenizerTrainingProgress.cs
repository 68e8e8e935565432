namespace Weft.Tokenizers;

/// <summary>How far the training of a vocabulary has come.</summary>
/// <param name="Phase">What is being done, such as "counting words".</param>
/// <param name="DoneCount">How much of it is done.</param>
/// <param name="TotalCount">How much there is to do; 0 where it is not known.</param>
public readonly record struct TokenizerTrainingProgress(string Phase, long DoneCount, long TotalCount);
