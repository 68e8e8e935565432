using Weft.Models.Convolutional;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Models.Tests;

/// <summary>A step's memory is the last step's memory. Others would borrow it from the pool.</summary>
[Collection("alone")]
public sealed class AllocationTests
{
    [Fact]
    public void ConvolutionalClassifier_InTheSteadyState_AllocatesNothing()
    {
        ConvolutionalClassifier model = new ConvolutionalClassifier(new ConvolutionalClassifierConfig()).Initialize(new RandomGenerator(2));
        (Tensor images, Tensor labels) = ClassicModelTests.Bars(4, 28, DType.Float32);
        void Step()
        {
            using MemoryScope scope = MemoryScope.Enter();
            model.Forward(images).CrossEntropy(labels).Backward(releaseActivations: true);
            for (int i = 0; i < model.Parameters.Count; i++) model.Parameters[i].ClearGrad();
        }
        for (int i = 0; i < 12; i++) Step(); // the pools fill, and the code is compiled
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 5; i++) Step();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}

/// <summary>Tests that measure the process and so must not run beside others.</summary>
[CollectionDefinition("alone", DisableParallelization = true)]
public sealed class AloneCollection;
