using System.Buffers.Binary;
using System.Text;

namespace Weft.Tokenizers;

/// <summary>How a SentencePiece model cuts text.</summary>
internal enum SentencePieceKind { Unigram = 1, BytePair = 2, Word = 3, Character = 4 }

/// <summary>What a piece of a SentencePiece model is for.</summary>
internal enum SentencePieceType { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 }

/// <summary>The content of a SentencePiece <c>.model</c> file.</summary>
internal sealed record SentencePieceModel
{
    /// <summary>Pieces by id.</summary>
    public required IReadOnlyList<(string Text, float Score, SentencePieceType Type)> Pieces { get; init; }

    public SentencePieceKind Kind { get; init; } = SentencePieceKind.Unigram;

    /// <summary>The compiled rewriting rules, or null.</summary>
    public CharacterMap? CharacterMap { get; init; }

    public bool AddDummyPrefix { get; init; } = true;

    public bool RemoveExtraWhitespace { get; init; } = true;

    public bool EscapeWhitespace { get; init; } = true;

    public bool WhitespaceAsSuffix { get; init; }

    public bool ByteFallback { get; init; }

    /// <summary>What an unknown token decodes to.</summary>
    public string UnknownSurface { get; init; } = " \u2047 ";

    /// <summary>Which of begin and end of text are added around a text.</summary>
    public (int? Begin, int? End) Added { get; init; }

    private const long LargestFile = 256L << 20;

    /// <summary>Reads a file.</summary>
    /// <exception cref="TokenizerFormatException">The file is damaged.</exception>
    public static SentencePieceModel Read(string path)
    {
        byte[] bytes = PackedFile.ReadAllBytes(path, LargestFile);
        try
        {
            return Parse(bytes);
        }
        catch (FormatException problem) when (problem is not TokenizerFormatException)
        {
            throw new TokenizerFormatException(path, problem.Message + ".", problem);
        }
    }

    // Protocol buffers; the numbers are those of sentencepiece_model.proto.
    private static SentencePieceModel Parse(ReadOnlySpan<byte> bytes)
    {
        List<(string, float, SentencePieceType)> pieces = [];
        SentencePieceModel model = new() { Pieces = pieces };
        int? begin = 1;
        int? end = 2;
        Fields message = new(bytes);
        while (message.Next())
        {
            switch (message.Number)
            {
                case 1: pieces.Add(ParsePiece(message.Bytes)); break;
                case 2:
                    Fields trainer = new(message.Bytes);
                    while (trainer.Next())
                    {
                        switch (trainer.Number)
                        {
                            case 3: model = model with { Kind = (SentencePieceKind)trainer.Value }; break;
                            case 24: model = model with { WhitespaceAsSuffix = trainer.Value != 0 }; break;
                            case 35: model = model with { ByteFallback = trainer.Value != 0 }; break;
                            case 41: begin = (int)trainer.Value; break;
                            case 42: end = (int)trainer.Value; break;
                            case 44: model = model with { UnknownSurface = Encoding.UTF8.GetString(trainer.Bytes) }; break;
                        }
                    }
                    break;
                case 3:
                    Fields normalizer = new(message.Bytes);
                    while (normalizer.Next())
                    {
                        switch (normalizer.Number)
                        {
                            case 2: model = model with { CharacterMap = normalizer.Bytes.Length == 0 ? null : new CharacterMap(normalizer.Bytes) }; break;
                            case 3: model = model with { AddDummyPrefix = normalizer.Value != 0 }; break;
                            case 4: model = model with { RemoveExtraWhitespace = normalizer.Value != 0 }; break;
                            case 5: model = model with { EscapeWhitespace = normalizer.Value != 0 }; break;
                        }
                    }
                    break;
            }
        }
        if (pieces.Count == 0) throw new FormatException("the model holds no pieces");
        if (!Enum.IsDefined(model.Kind)) throw new FormatException($"the model type {(int)model.Kind} is not known");
        return model with { Added = (begin is >= 0 && begin < pieces.Count ? begin : null, end is >= 0 && end < pieces.Count ? end : null) };
    }

    private static (string, float, SentencePieceType) ParsePiece(ReadOnlySpan<byte> bytes)
    {
        string text = "";
        float score = 0;
        SentencePieceType type = SentencePieceType.Normal;
        Fields fields = new(bytes);
        while (fields.Next())
        {
            switch (fields.Number)
            {
                case 1: text = Encoding.UTF8.GetString(fields.Bytes); break;
                case 2: score = BitConverter.UInt32BitsToSingle((uint)fields.Value); break;
                case 3: type = (SentencePieceType)fields.Value; break;
            }
        }
        return (text, score, type);
    }

    /// <summary>Walks through the fields of a message.</summary>
    private ref struct Fields(ReadOnlySpan<byte> message)
    {
        private ReadOnlySpan<byte> _rest = message;

        public int Number { get; private set; }

        public ulong Value { get; private set; }

        public ReadOnlySpan<byte> Bytes { get; private set; }

        public bool Next()
        {
            if (_rest.IsEmpty) return false;
            ulong tag = Varint();
            Number = (int)(tag >> 3);
            Bytes = default;
            switch (tag & 7)
            {
                case 0: Value = Varint(); break;
                case 1: Value = BinaryPrimitives.ReadUInt64LittleEndian(Take(8)); break;
                case 5: Value = BinaryPrimitives.ReadUInt32LittleEndian(Take(4)); break;
                case 2: Bytes = Take(Varint()); break;
                default: throw new FormatException($"a field has the wire type {tag & 7}, which SentencePiece models do not use");
            }
            return true;
        }

        private ReadOnlySpan<byte> Take(ulong count)
        {
            if (count > (ulong)_rest.Length) throw new FormatException($"a field of {count} bytes begins {_rest.Length} bytes before the end of its message");
            ReadOnlySpan<byte> taken = _rest[..(int)count];
            _rest = _rest[(int)count..];
            return taken;
        }

        private ulong Varint()
        {
            ulong value = 0;
            for (int shift = 0; shift < 64; shift += 7)
            {
                byte next = Take(1)[0];
                value |= (ulong)(next & 0x7F) << shift;
                if (next < 0x80) return value;
            }
            throw new FormatException("a number has more than 64 bits");
        }
    }
}
