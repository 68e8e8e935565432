using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Weft.Models.Decoder;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Every optimizer that a training run can name, with its options. A new one is one line here.</summary>
public static class OptimizerCatalogue
{
    private sealed record Entry(string Name, JsonTypeInfo Options, Func<OptimizerOptions> Defaults, Func<IReadOnlyList<ParameterGroup>, OptimizerOptions, Optimizer> Create);

    private static readonly OptimizerJson s_json = OptimizerJson.Default;

    private static readonly Entry[] s_entries =
    [
        Of("adamW", s_json.AdamWOptions, static (g, o) => new AdamW(g, o)),
        Of("muon", s_json.MuonOptions, static (g, o) => new Muon(g, o)),
        Of("lion", s_json.LionOptions, static (g, o) => new Lion(g, o)),
        Of("sgd", s_json.SgdOptions, static (g, o) => new Sgd(g, o)),
        Of("adam", s_json.AdamOptions, static (g, o) => new Adam(g, o)),
        Of("nadam", s_json.NAdamOptions, static (g, o) => new NAdam(g, o)),
        Of("radam", s_json.RAdamOptions, static (g, o) => new RAdam(g, o)),
        Of("adamax", s_json.AdamaxOptions, static (g, o) => new Adamax(g, o)),
        Of("adagrad", s_json.AdagradOptions, static (g, o) => new Adagrad(g, o)),
        Of("adadelta", s_json.AdadeltaOptions, static (g, o) => new Adadelta(g, o)),
        Of("rmsProp", s_json.RmsPropOptions, static (g, o) => new RmsProp(g, o)),
        Of("rprop", s_json.RpropOptions, static (g, o) => new Rprop(g, o)),
        Of("averagedSgd", s_json.AveragedSgdOptions, static (g, o) => new AveragedSgd(g, o)),
        Of("adafactor", s_json.AdafactorOptions, static (g, o) => new Adafactor(g, o)),
        Of("adafactorOriginal", s_json.AdafactorOriginalOptions, static (g, o) => new AdafactorOriginal(g, o)),
        Of("sparseAdam", s_json.SparseAdamOptions, static (g, o) => new SparseAdam(g, o)),
        Of("lamb", s_json.LambOptions, static (g, o) => new Lamb(g, o)),
        Of("lars", s_json.LarsOptions, static (g, o) => new Lars(g, o)),
        Of("adaBelief", s_json.AdaBeliefOptions, static (g, o) => new AdaBelief(g, o)),
        Of("adEmaMix", s_json.AdEmaMixOptions, static (g, o) => new AdEmaMix(g, o)),
        Of("adan", s_json.AdanOptions, static (g, o) => new Adan(g, o)),
        Of("adopt", s_json.AdoptOptions, static (g, o) => new Adopt(g, o)),
        Of("scheduleFreeAdamW", s_json.ScheduleFreeAdamWOptions, static (g, o) => new ScheduleFreeAdamW(g, o)),
        Of("prodigy", s_json.ProdigyOptions, static (g, o) => new Prodigy(g, o)),
        Of("came", s_json.CameOptions, static (g, o) => new Came(g, o)),
        Of("shampoo", s_json.ShampooOptions, static (g, o) => new Shampoo(g, o)),
        Of("soap", s_json.SoapOptions, static (g, o) => new Soap(g, o)),
        Of("sophia", s_json.SophiaOptions, static (g, o) => new Sophia(g, o)),
        Of("tiger", s_json.TigerOptions, static (g, o) => new Tiger(g, o)),
        Of("yogi", s_json.YogiOptions, static (g, o) => new Yogi(g, o)),
        Of("laProp", s_json.LaPropOptions, static (g, o) => new LaProp(g, o)),
        Of("mars", s_json.MarsOptions, static (g, o) => new Mars(g, o)),
        Of("sm3", s_json.Sm3Options, static (g, o) => new Sm3(g, o)),
        Of("novoGrad", s_json.NovoGradOptions, static (g, o) => new NovoGrad(g, o)),
        Of("adamP", s_json.AdamPOptions, static (g, o) => new AdamP(g, o)),
    ];

    /// <summary>The names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_entries.Select(static e => e.Name)];

    /// <summary>The options of an optimizer, each with its default, as <c>name=value</c>.</summary>
    /// <exception cref="ArgumentException">There is no such optimizer.</exception>
    public static IReadOnlyList<string> Options(string name)
    {
        Entry entry = Find(name);
        JsonObject defaults = (JsonObject)JsonSerializer.SerializeToNode(entry.Defaults(), entry.Options)!;
        return [.. defaults.Select(static p => $"{p.Key}={p.Value?.ToString() ?? "null"}")];
    }

    /// <summary>Makes an optimizer by its name.</summary>
    /// <param name="name">One of <see cref="Names"/>, in any case.</param>
    /// <param name="options">Its options as <c>name=value, name=value</c>; empty for the defaults.</param>
    /// <param name="groups">What it updates.</param>
    /// <exception cref="ArgumentException">There is no such optimizer or option, with the nearest that there is; or a value is wrong.</exception>
    public static Optimizer Create(string name, string options, IReadOnlyList<ParameterGroup> groups)
    {
        Entry entry = Find(name);
        return entry.Create(groups, Parse(entry, options));
    }

    /// <summary>Makes the optimizer of a run. With <c>muon</c>, the matrices of the blocks are Muon's; tables, head and vectors are AdamW's, at the same rate, since Muon's is fitted to AdamW's.</summary>
    /// <exception cref="ArgumentException">A setting is wrong.</exception>
    public static Optimizer Create(TrainingConfig config, DecoderModel model)
    {
        AdamWOptions adamW = new() { Beta1 = config.Beta1, Beta2 = config.Beta2, Epsilon = config.Epsilon };
        Entry entry = Find(config.Optimizer);
        Optimizer optimizer;
        if (entry.Name == "muon")
        {
            ILookup<bool, Tensor> hidden = model.Parameters.ToLookup(static p => p.Rank == 2 && p.Name!.StartsWith("blocks.", StringComparison.Ordinal));
            string options = config.OptimizerOptions.Contains("rateFit", StringComparison.OrdinalIgnoreCase) ? config.OptimizerOptions : "rateFit=matchAdamW," + config.OptimizerOptions;
            optimizer = new OptimizerPair(
                entry.Create([Group(hidden[true], config.WeightDecay)], Parse(entry, options)),
                new AdamW([Group(hidden[false].Where(static p => p.Rank >= 2), config.WeightDecay), Group(hidden[false].Where(static p => p.Rank < 2), 0)], adamW));
        }
        else
        {
            ParameterGroup[] groups = [Group(model.Parameters.Where(static p => p.Rank >= 2), config.WeightDecay), Group(model.Parameters.Where(static p => p.Rank < 2), 0)];
            optimizer = entry.Create(groups, entry.Name == "adamW" ? Parse(entry, config.OptimizerOptions, adamW) : Parse(entry, config.OptimizerOptions));
        }
        if (config.LookaheadInterval > 0) optimizer = new Lookahead(optimizer, config.LookaheadInterval);
        return config.SharpnessRadius > 0 ? new SharpnessAware(optimizer, config.SharpnessRadius) : optimizer;

        ParameterGroup Group(IEnumerable<Tensor> parameters, double decay) => new([.. parameters], decay) { L1 = decay > 0 || config.WeightDecay == 0 ? config.L1 : 0, L2 = decay > 0 || config.WeightDecay == 0 ? config.L2 : 0 };
    }

    /// <summary>Throws if a run's optimizer or its options are wrong.</summary>
    /// <exception cref="ArgumentException">Says what.</exception>
    public static void Validate(TrainingConfig config)
    {
        Entry entry = Find(config.Optimizer);
        Parse(entry, config.OptimizerOptions);
        if (entry.Name == "sophia" && (config.LookaheadInterval > 0 || config.SharpnessRadius > 0))
            throw new ArgumentException("sophia: the curvature is estimated at the weights that it moves, so lookaheadInterval and sharpnessRadius must be 0.");
    }

    private static Entry Of<TOptions>(string name, JsonTypeInfo<TOptions> options, Func<IReadOnlyList<ParameterGroup>, TOptions, Optimizer> create) where TOptions : OptimizerOptions, new() =>
        new(name, options, static () => new TOptions(), (groups, given) => create(groups, (TOptions)given));

    private static Entry Find(string name) => s_entries.FirstOrDefault(e => string.Equals(e.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"There is no optimizer '{name}'; did you mean '{Names.MinBy(n => EditDistance.Of(n, name))}'? There are {string.Join(", ", Names)}.");

    private static OptimizerOptions Parse(Entry entry, string text, OptimizerOptions? defaults = null)
    {
        // Written out whole: what is absent would be read as 0.
        JsonObject all = (JsonObject)JsonSerializer.SerializeToNode(defaults ?? entry.Defaults(), entry.Options)!;
        foreach (string part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1) throw new ArgumentException($"optimizerOptions: '{part}' is not of the form name=value.");
            string key = part[..equals].Trim();
            string known = entry.Options.Properties.FirstOrDefault(p => string.Equals(p.Name, key, StringComparison.OrdinalIgnoreCase))?.Name
                ?? throw new ArgumentException($"{entry.Name} has no option '{key}'; did you mean '{entry.Options.Properties.MinBy(p => EditDistance.Of(p.Name, key))!.Name}'? It has {string.Join(", ", entry.Options.Properties.Select(static p => p.Name))}.");
            all[known] = ConfigFile.Value(part[(equals + 1)..].Trim());
            try
            {
                JsonSerializer.Deserialize(all, entry.Options);
            }
            catch (JsonException)
            {
                throw new ArgumentException($"{entry.Name}: {known} cannot be '{part[(equals + 1)..].Trim()}'.");
            }
        }
        OptimizerOptions options = (OptimizerOptions)JsonSerializer.Deserialize(all, entry.Options)!;
        try
        {
            options.Validate();
        }
        catch (ArgumentException exception)
        {
            throw new ArgumentException($"{entry.Name}: {exception.Message}", exception);
        }
        return options;
    }
}

/// <summary>How options are read.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(AdamWOptions))]
[JsonSerializable(typeof(MuonOptions))]
[JsonSerializable(typeof(LionOptions))]
[JsonSerializable(typeof(SgdOptions))]
[JsonSerializable(typeof(AdamOptions))]
[JsonSerializable(typeof(NAdamOptions))]
[JsonSerializable(typeof(RAdamOptions))]
[JsonSerializable(typeof(AdamaxOptions))]
[JsonSerializable(typeof(AdagradOptions))]
[JsonSerializable(typeof(AdadeltaOptions))]
[JsonSerializable(typeof(RmsPropOptions))]
[JsonSerializable(typeof(RpropOptions))]
[JsonSerializable(typeof(AveragedSgdOptions))]
[JsonSerializable(typeof(AdafactorOptions))]
[JsonSerializable(typeof(AdafactorOriginalOptions))]
[JsonSerializable(typeof(SparseAdamOptions))]
[JsonSerializable(typeof(LambOptions))]
[JsonSerializable(typeof(LarsOptions))]
[JsonSerializable(typeof(AdaBeliefOptions))]
[JsonSerializable(typeof(AdEmaMixOptions))]
[JsonSerializable(typeof(AdanOptions))]
[JsonSerializable(typeof(AdoptOptions))]
[JsonSerializable(typeof(ScheduleFreeAdamWOptions))]
[JsonSerializable(typeof(ProdigyOptions))]
[JsonSerializable(typeof(CameOptions))]
[JsonSerializable(typeof(ShampooOptions))]
[JsonSerializable(typeof(SoapOptions))]
[JsonSerializable(typeof(SophiaOptions))]
[JsonSerializable(typeof(TigerOptions))]
[JsonSerializable(typeof(YogiOptions))]
[JsonSerializable(typeof(LaPropOptions))]
[JsonSerializable(typeof(MarsOptions))]
[JsonSerializable(typeof(Sm3Options))]
[JsonSerializable(typeof(NovoGradOptions))]
[JsonSerializable(typeof(AdamPOptions))]
internal sealed partial class OptimizerJson : JsonSerializerContext;
