using System.Diagnostics;

namespace Weft.Cli.Tests;

/// <summary>Runs the command as users do: in a process of its own.</summary>
internal sealed class WeftProcess : IDisposable
{
    private readonly Process _process;
    private readonly Task<string> _output, _errors;

    private WeftProcess(string folder, string[] arguments)
    {
        ProcessStartInfo start = new("dotnet") { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "weft.dll"));
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        _process = Process.Start(start)!;
        _process.StandardInput.Close();
        _output = _process.StandardOutput.ReadToEndAsync();
        _errors = _process.StandardError.ReadToEndAsync();
    }

    /// <summary>Starts the command in a folder and does not wait.</summary>
    internal static WeftProcess Start(string folder, params string[] arguments) => new(folder, arguments);

    /// <summary>Runs the command to its end.</summary>
    internal static (int ExitCode, string Output, string Errors) Run(string folder, params string[] arguments)
    {
        using WeftProcess process = Start(folder, arguments);
        return process.Wait();
    }

    internal int Id => _process.Id;

    internal bool HasExited => _process.HasExited;

    /// <summary>kill -9.</summary>
    internal void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    internal (int ExitCode, string Output, string Errors) Wait()
    {
        _process.WaitForExit();
        return (_process.ExitCode, _output.Result, _errors.Result);
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }
}

/// <summary>A folder that goes away with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    internal string Path { get; } = Directory.CreateTempSubdirectory("weft-cli-").FullName;

    internal string this[params string[] parts] => System.IO.Path.Combine([Path, .. parts]);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
