using System.Diagnostics;

namespace Weft.Bench.Peers;

/// <summary>Processes of this program and others.</summary>
internal static class Children
{
    /// <summary>Runs this program again with other arguments and variables, and returns its exit code.</summary>
    internal static int Run(string[] arguments, params ReadOnlySpan<(string Name, string Value)> variables)
    {
        using Process process = Process.Start(Start(Environment.ProcessPath!, arguments, variables))!;
        process.WaitForExit();
        return process.ExitCode;
    }

    /// <summary>Runs a program and returns what it wrote; throws if it failed.</summary>
    internal static string Output(string program, string[] arguments, params ReadOnlySpan<(string Name, string Value)> variables)
    {
        ProcessStartInfo start = Start(program, arguments, variables);
        start.RedirectStandardOutput = true;
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {output}");
    }

    /// <summary>Runs a program and returns how long it took to write its first character; throws if it failed.</summary>
    internal static double SecondsToOutput(string program, string[] arguments)
    {
        ProcessStartInfo start = Start(program, arguments, []);
        start.RedirectStandardOutput = true;
        Stopwatch clock = Stopwatch.StartNew();
        using Process process = Process.Start(start)!;
        int first = process.StandardOutput.Read();
        double seconds = clock.Elapsed.TotalSeconds;
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return first >= 0 && process.ExitCode == 0 ? seconds : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}.");
    }

    private static ProcessStartInfo Start(string program, string[] arguments, ReadOnlySpan<(string Name, string Value)> variables)
    {
        ProcessStartInfo start = new(program, arguments) { UseShellExecute = false };
        foreach ((string name, string value) in variables) start.Environment[name] = value;
        return start;
    }
}
