using BenchmarkDotNet.Running;
using Weft.Bench.Kernels;

// dotnet run -c Release --project bench/Weft.Bench.Kernels -- --filter '*Products*'
BenchmarkSwitcher.FromAssembly(typeof(ProductBenchmark).Assembly).Run(args);
