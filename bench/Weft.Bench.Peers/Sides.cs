using TorchSharp;
using TorchSharp.Modules;
using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Training;
using Weft.Training.Data;
using Weft.Training.Optimizers;
using Weft.Training.Schedules;
using static TorchSharp.torch;
using AdamW = TorchSharp.Modules.AdamW;
using WeftAdamW = Weft.Training.Optimizers.AdamW;

namespace Weft.Bench.Peers;

/// <summary>One side of a comparison: it does the same step as the other, from the same weights and batches.</summary>
internal interface ISide
{
    /// <summary>What the tables call it.</summary>
    string Name { get; }

    /// <summary>Makes one training step and returns its loss before the update.</summary>
    double Step();
}

/// <summary>Weft, through the same loop, model and optimizer that its users have.</summary>
internal sealed class WeftSide : ISide
{
    private readonly TrainingLoop _loop;

    internal WeftSide(DecoderModel model, TrainingConfig config, TokenBatches batches, LearningRateSchedule schedule) =>
        _loop = new TrainingLoop(model, batches, new WeftAdamW(ParameterGroup.ByRank(model.Parameters, config.WeightDecay), config.Beta1, config.Beta2, config.Epsilon), schedule, config.BatchSize, 1, config.ClipNorm, precision: config.Precision);

    public string Name => "Weft";

    public double Step() => _loop.Step().Loss;
}

/// <summary>In what libtorch computes.</summary>
internal enum PeerPrecision
{
    /// <summary>Everything in float32.</summary>
    Float32,

    /// <summary>Products and attention in bfloat16, weights, norms, residuals and updates in float32: what torch.autocast does on a CPU, and what Weft does.</summary>
    Autocast,

    /// <summary>Everything in bfloat16, weights and moments too: the least work, but updates smaller than 1/256 of a weight are lost.</summary>
    Bfloat16,
}

/// <summary>libtorch through TorchSharp: nanoGPT's forward pass, with its flash attention and AdamW.</summary>
internal sealed class LibtorchSide : ISide
{
    private readonly Dictionary<string, Parameter> _weights;
    private readonly Parameter[] _parameters;
    private readonly Embedding _embedding;
    private readonly AdamW _optimizer;
    private readonly DecoderConfig _model;
    private readonly TrainingConfig _config;
    private readonly TokenBatches _batches;
    private readonly LearningRateSchedule _schedule;
    private readonly TokenBatch _batch;
    private readonly PeerPrecision _precision;
    private long _step;

    internal LibtorchSide(DecoderModel model, TrainingConfig config, TokenBatches batches, LearningRateSchedule schedule, PeerPrecision precision)
    {
        (_model, _config, _batches, _schedule, _precision) = (model.Config, config, batches, schedule, precision);
        _batch = new TokenBatch(config.BatchSize, config.ContextLength);
        _weights = model.Parameters.ToDictionary(static p => p.Name!, p =>
            new Parameter(tensor(p.ToArray<float>(), Array.ConvertAll(p.Shape.ToArray(), static s => (long)s)).to(precision == PeerPrecision.Bfloat16 ? ScalarType.BFloat16 : ScalarType.Float32)));
        _parameters = [.. _weights.Values];
        _embedding = nn.Embedding(_model.VocabularySize, _model.HiddenSize);
        _embedding.weight = _weights["embedding.tokens.weight"];
        AdamW.ParamGroup Group(bool matrices) => new(
            _parameters.Where(p => (p.dim() >= 2) == matrices),
            new AdamW.Options { LearningRate = config.LearningRate, beta1 = config.Beta1, beta2 = config.Beta2, eps = config.Epsilon, weight_decay = matrices ? config.WeightDecay : 0 });
        AdamW.ParamGroup[] groups = [Group(true), Group(false)];
        _optimizer = optim.AdamW(groups, config.LearningRate, config.Beta1, config.Beta2, config.Epsilon, config.WeightDecay);
    }

    public string Name => "libtorch";

    public double Step()
    {
        using DisposeScope scope = NewDisposeScope();
        _batches.Fill(_step, _batch);
        long B = _batch.BatchSize, T = _batch.Length;
        torch.Tensor ids = tensor(Array.ConvertAll(_batch.Inputs.ToArray<int>(), static i => (long)i), [B, T]), targets = tensor(Array.ConvertAll(_batch.Targets.ToArray<int>(), static i => (long)i), [B * T]);
        torch.Tensor loss = nn.functional.cross_entropy(Logits(ids, B, T).view(B * T, -1).to(ScalarType.Float32), targets);
        loss.backward();
        nn.utils.clip_grad_norm_(_parameters, _config.ClipNorm);
        foreach (var group in _optimizer.ParamGroups) group.LearningRate = _schedule.At(_step);
        _optimizer.step();
        _optimizer.zero_grad();
        _step++;
        return loss.ToDouble();
    }

    private torch.Tensor Logits(torch.Tensor ids, long B, long T)
    {
        long C = _model.HiddenSize, H = _model.HeadCount, D = C / H;
        torch.Tensor x = _embedding.forward(ids) + W("embedding.positions.weight").narrow(0, 0, T);
        for (int l = 0; l < _model.BlockCount; l++)
        {
            string block = $"blocks.{l}.";
            torch.Tensor[] qkv = Linear(Norm(x, block + "attention_norm"), block + "attention.query_key_value").chunk(3, 2);
            torch.Tensor q = qkv[0].view(B, T, H, D).transpose(1, 2), k = qkv[1].view(B, T, H, D).transpose(1, 2), v = qkv[2].view(B, T, H, D).transpose(1, 2);
            torch.Tensor y = nn.functional.scaled_dot_product_attention(q, k, v, is_casual: true).transpose(1, 2).contiguous().view(B, T, C);
            x = x + Linear(y, block + "attention.output");
            torch.Tensor inner = Linear(Norm(x, block + "feed_forward_norm"), block + "feed_forward.expand");
            x = x + Linear(nn.functional.gelu(inner), block + "feed_forward.contract");
        }
        return nn.functional.linear(Factor(Norm(x, "norm")), Factor(_weights.TryGetValue("head.weight", out Parameter? head) ? head : W("embedding.tokens.weight")));
    }

    private torch.Tensor Norm(torch.Tensor x, string name) =>
        nn.functional.layer_norm(x, [_model.HiddenSize], W(name + ".weight"), _weights.GetValueOrDefault(name + ".bias"), _model.NormalizationEpsilon);

    private torch.Tensor Linear(torch.Tensor x, string name) => nn.functional.linear(Factor(x), Factor(W(name + ".weight")), _weights.TryGetValue(name + ".bias", out Parameter? bias) ? Factor(bias) : null);

    private torch.Tensor Factor(torch.Tensor x) => _precision == PeerPrecision.Autocast ? x.to(ScalarType.BFloat16) : x;

    private torch.Tensor W(string name) => _weights[name];
}
