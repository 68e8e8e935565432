#:project ../src/Weft.Tensors
// Gradients: fit a line to points by gradient descent, then differentiate twice.
//
//     dotnet run examples/gradients.cs

using Weft.Tensors;
using Weft.Tensors.Autograd;

Tensor x = Tensor.From(0f, 1f, 2f, 3f, 4f);
Tensor y = Tensor.From(1f, 3f, 5f, 7f, 9f);             // y = 2 x + 1

Tensor slope = Tensor.Scalar(0).RequireGrad();
Tensor offset = Tensor.Scalar(0).RequireGrad();
for (int step = 0; step < 400; step++)
{
    Tensor loss = (x * slope + offset - y).Square().Mean();
    loss.Backward();
    foreach (Tensor parameter in (Tensor[])[slope, offset])
    {
        parameter.AsSpan<float>()[0] -= 0.05f * (float)parameter.Grad!.Item();
        parameter.Grad = null;
    }
}
Console.WriteLine($"y = {slope.Item():F3} x + {offset.Item():F3}");

// d/dt t³ = 3 t² = 12 at t = 2, and its derivative 6 t = 12.
Tensor t = Tensor.Scalar(2, DType.Float64).RequireGrad();
Tensor first = Gradients.Of(t * t * t, t, createGraph: true);
Tensor second = Gradients.Of(first, t);
Console.WriteLine($"first derivative {first.Item()}, second derivative {second.Item()}");
