using Weft.Inference.Sampling;
using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Tensors.Autograd;
using Weft.Tokenizers;

namespace Weft.Inference;

/// <summary>Writes on: encode the prompt, run it through the model, then draw, decode and feed back one token at a time.</summary>
/// <remarks>
/// One generator writes one text at a time. When the context is full, the older half of it is forgotten and the newer half is
/// read again. In the steady state a token allocates nothing on the managed heap, unless the cache
/// doubles.
/// </remarks>
public sealed class Generator
{
    private const int PromptPart = 512; // tokens: enough for products to be as fast as they get
    private readonly LanguageModel _language;
    private readonly DecoderModel _model;
    private readonly KeyValueCache _cache;
    private readonly ForwardSettings _settings;
    private readonly Tensor _single;
    private readonly float[] _logits;
    private readonly int _rereadBeyond;
    private readonly List<int> _ids = [];
    private Sampler _sampler = new(new SamplingSettings());
    private int _cacheStart; // which of the ids the cache's first token is

    /// <summary>Makes a generator for a float32 model.</summary>
    public Generator(LanguageModel language)
    {
        (_language, _model) = (language, language.Model);
        if (_model.DType != DType.Float32) throw new ArgumentException("Generator: needs a float32 model.");
        _cache = new KeyValueCache(_model.Config);
        _settings = new ForwardSettings { Cache = _cache };
        _single = Tensor.Zeros([1, 1], DType.Int32);
        _logits = new float[_model.Config.VocabularySize];
        _rereadBeyond = _model.Config.RotaryScaling?.RereadBeyond(_model.Config.ContextLength) ?? int.MaxValue;
    }

    /// <summary>The text so far as token ids, prompt included.</summary>
    public ReadOnlySpan<int> Ids => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_ids);

    /// <summary>Begins a text.</summary>
    /// <param name="prompt">Token ids; if there are none, the text begins with the end-of-text token or, without one, with token 0.</param>
    /// <param name="sampling">How tokens are chosen.</param>
    /// <param name="stream">Tells several texts of one seed apart.</param>
    /// <param name="reuse">Keeps what is in memory of the last text as far as this one begins alike: the next turn of a conversation.</param>
    public void Start(ReadOnlySpan<int> prompt, SamplingSettings sampling, uint stream = 0, bool reuse = false)
    {
        _sampler = new Sampler(sampling, stream);
        int same = reuse && _cacheStart == 0 ? Math.Min(prompt[..Math.Max(0, prompt.Length - 1)].CommonPrefixLength(Ids), _cache.Count) : 0;
        _cache.Truncate(same);
        _cacheStart = 0;
        _ids.Clear();
        _ids.EnsureCapacity(prompt.Length + _model.Config.ContextLength);
        if (prompt.IsEmpty) _ids.Add(_model.Config.BeginOfTextId ?? _language.EndOfTextId ?? 0);
        foreach (int id in prompt)
        {
            if ((uint)id >= (uint)_model.Config.VocabularySize) throw new ArgumentException($"Generator: token id {id} is not below {_model.Config.VocabularySize}.");
            _ids.Add(id);
        }
    }

    /// <summary>Draws the next token, and adds it to the text.</summary>
    public int Next()
    {
        int context = _model.Config.ContextLength;
        if (_ids.Count - _cacheStart > context) // full: the newer half is read again
        {
            _cache.Truncate(0);
            _cacheStart = _ids.Count - Math.Max(1, context / 2);
        }
        if (_cache.Count <= _rereadBeyond && _ids.Count - _cacheStart > _rereadBeyond) _cache.Truncate(0); // from here on all angles differ
        using (GradMode.Off())
        {
            // A long prompt is read in parts: its activations take the memory of one. (Angles that depend on the length want it whole.)
            for (; _rereadBeyond == int.MaxValue && Unread > PromptPart;)
                using (MemoryScope.Enter()) Read(PromptPart);
            using (MemoryScope.Enter())
            {
                int fresh = Unread;
                Tensor logits = _model.Logits(Read(fresh).Select(1, fresh - 1));    // [1, V]
                logits.AsSpan<float>().CopyTo(_logits);
            }
        }
        int next = _sampler.Next(_logits, Ids);
        _ids.Add(next);
        return next;
    }

    // How many tokens of the text are not in the cache yet.
    private int Unread => _ids.Count - _cacheStart - _cache.Count;

    // The hidden states of the next tokens that are not in the cache yet, which then holds them: [1, count, C].
    private Tensor Read(int count)
    {
        Tensor ids = _single;
        if (count > 1) ids = Tensor.From(Ids.Slice(_ids.Count - Unread, count), [1, count]);
        else _single.Fill(Ids[^Unread]);
        return _model.Hidden(ids, _settings);
    }

    /// <summary>Writes on from a text, piece by piece; ends at the end-of-text token or after a number of tokens.</summary>
    /// <param name="prompt">The beginning; it is not repeated in the result.</param>
    /// <param name="maxTokens">The most tokens to draw.</param>
    /// <param name="sampling">How tokens are chosen; null for the defaults.</param>
    /// <param name="stream">Tells several texts of one seed apart.</param>
    /// <param name="cancellation">Stops before the next token.</param>
    /// <returns>Pieces of text, never a part of a character.</returns>
    public IEnumerable<string> Stream(string prompt, int maxTokens, SamplingSettings? sampling = null, uint stream = 0, CancellationToken cancellation = default)
    {
        IncrementalDecoder decoder = _language.Tokenizer.CreateDecoder();
        Start(_language.Tokenizer.Encode(prompt), sampling ?? new SamplingSettings(), stream);
        for (int i = 0; i < maxTokens && !cancellation.IsCancellationRequested; i++)
        {
            int id = Next();
            if (id == _language.EndOfTextId) break;
            if (decoder.Append(id) is { Length: > 0 } piece) yield return piece;
        }
        if (decoder.Flush() is { Length: > 0 } rest) yield return rest;
    }

    /// <summary>Writes on from a text and returns all of it at once.</summary>
    /// <inheritdoc cref="Stream"/>
    public string Write(string prompt, int maxTokens, SamplingSettings? sampling = null, uint stream = 0) => string.Concat(Stream(prompt, maxTokens, sampling, stream));
}
