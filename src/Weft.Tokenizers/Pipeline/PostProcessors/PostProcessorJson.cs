namespace Weft.Tokenizers;

/// <summary>Reads the <c>post_processor</c> of a <c>tokenizer.json</c>.</summary>
internal static class PostProcessorJson
{
    /// <summary>The post-processor, or null where there is none.</summary>
    public static PostProcessor? Read(JsonField field) => field.IsNull ? null : ReadPart(field);

    private static PostProcessor ReadPart(JsonField field) => field["type"].String() switch
    {
        "Sequence" => new SequencePostProcessor([.. field["processors"].Items().Select(ReadPart)]),
        "ByteLevel" => new ByteLevelPostProcessor(field["trim_offsets"].Boolean(true), field["add_prefix_space"].Boolean(true)),
        "BertProcessing" => TemplatePostProcessor.Bert(ReadToken(field["cls"]), ReadToken(field["sep"])),
        "RobertaProcessing" => new SequencePostProcessor([
            new ByteLevelPostProcessor(field["trim_offsets"].Boolean(true), field["add_prefix_space"].Boolean(true)),
            TemplatePostProcessor.Roberta(ReadToken(field["cls"]), ReadToken(field["sep"]))]),
        "TemplateProcessing" => ReadTemplate(field),
        _ => throw PatternJson.Unknown(field, "post-processor"),
    };

    private static (string Token, int Id) ReadToken(JsonField field)
    {
        JsonField[] items = [.. field.Items()];
        return items.Length == 2 ? (items[0].String(), items[1].Integer()) : throw field.Error("expected a token and its id");
    }

    private static TemplatePostProcessor ReadTemplate(JsonField field)
    {
        Dictionary<string, (string, int)[]> specials = new(StringComparer.Ordinal);
        if (!field["special_tokens"].IsNull)
        {
            foreach ((string name, JsonField special) in field["special_tokens"].Fields())
            {
                int[] ids = [.. special["ids"].Items().Select(item => item.Integer())];
                string[] tokens = [.. special["tokens"].Items().Select(item => item.String())];
                if (ids.Length != tokens.Length) throw special.Error($"there are {ids.Length} ids and {tokens.Length} tokens");
                specials[name] = [.. tokens.Zip(ids)];
            }
        }
        return new TemplatePostProcessor([.. field["single"].Items().Select(Part)], [.. field["pair"].Items().Select(Part)]);

        TemplatePart Part(JsonField part)
        {
            JsonField sequence = part["Sequence"];
            if (!sequence.IsNull)
            {
                return sequence["id"].String() switch
                {
                    "A" => new TemplatePart(0, [], sequence["type_id"].Integer()),
                    "B" => new TemplatePart(1, [], sequence["type_id"].Integer()),
                    string other => throw sequence["id"].Error($"the sequence '{other}' is neither A nor B"),
                };
            }
            JsonField special = part["SpecialToken"];
            string name = special["id"].String();
            return specials.TryGetValue(name, out (string, int)[]? tokens)
                ? new TemplatePart(null, tokens, special["type_id"].Integer())
                : throw special["id"].Error($"'{name}' is not among the special tokens of the template");
        }
    }
}
