using System.Buffers.Binary;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Weft.Tensors.Files;
using Weft.Tensors.Files.Gguf;

namespace Weft.Golden.Tests.Gguf;

/// <summary>Hostile files: each is built from its recipe, and refused with its class or read.</summary>
internal static class MalformedHandlers
{
    // A header is parsed into objects that are some times larger than its bytes; the constant is what the process needs in any case.
    private const long AllocationFactor = 12, AllocationBase = 1 << 20;

    internal static void Add(GoldenRunner runner)
    {
        runner.Add("gguf", static (golden, _) => Check(golden, "gguf", OpenGguf), GoldenPrecision.F32);
        runner.Add("safetensors", static (golden, _) => Check(golden, "safetensors", OpenSafetensors), GoldenPrecision.F32);
    }

    private static void Check(GoldenCase golden, string kind, Action<string> open)
    {
        byte[] file = Build(File.ReadAllBytes(Path.Combine(golden.Folder, golden.Root.GetProperty("bases").GetProperty(kind).GetString()!)), golden.Attrs.Json("edits"));
        Assert.Equal(golden.Outputs["bytes"].Json.GetInt64(), file.Length);
        Assert.Equal(golden.Outputs["sha256"].Json.GetString(), Convert.ToHexStringLower(SHA256.HashData(file)));
        string[] expected = [.. golden.Outputs["expected"].Json.EnumerateArray().Select(static e => e.GetString()!)];
        string path = Path.Combine(Path.GetTempPath(), $"weft-{Guid.NewGuid():N}.{kind}"), answer = "ok";
        File.WriteAllBytes(path, file);
        try
        {
            Stopwatch watch = Stopwatch.StartNew();
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                open(path);
            }
            catch (WeftFileException exception)
            {
                answer = ClassOf(exception.Fault);
                Assert.StartsWith(path, exception.Message, StringComparison.Ordinal);
                Assert.DoesNotContain('\n', exception.Message);
            }
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated <= AllocationFactor * file.Length + AllocationBase, $"{golden}: {allocated} bytes were allocated for a file of {file.Length}.");
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"{golden}: {watch.Elapsed} for a file of {file.Length} bytes."); // a hang, not a slow machine
        }
        finally
        {
            File.Delete(path);
        }
        if (!expected.Contains("any")) Assert.True(expected.Contains(answer), $"{golden}: the answer is {answer}; acceptable are {string.Join(", ", expected)}.");
    }

    private static void OpenGguf(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        foreach (GgufEntry entry in file.Entries.Values)
        {
            float[] values = new float[entry.ElementCount];
            file.ReadAsSingle(entry, values);
        }
        foreach (GgufValue value in file.Metadata.Values) _ = value.ToString();
    }

    private static void OpenSafetensors(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        foreach (SafetensorsEntry entry in file.Entries.Values)
        {
            byte[] bytes = new byte[entry.ByteLength];
            file.Read(entry, bytes);
        }
    }

    private static string ClassOf(FileFault fault) => fault switch
    {
        FileFault.BadUnicode => "bad_utf8",
        FileFault.BadDimensions => "bad_dims",
        FileFault.BadTensorType => "bad_tensor_type",
        _ => string.Concat(fault.ToString().Select(static (c, i) => char.IsUpper(c) && i > 0 ? $"_{char.ToLowerInvariant(c)}" : $"{char.ToLowerInvariant(c)}")),
    };

    private static byte[] Build(byte[] file, JsonElement edits)
    {
        List<byte> bytes = [.. file];
        foreach (JsonProperty edit in edits.EnumerateArray().SelectMany(static e => e.EnumerateObject()))
        {
            JsonElement value = edit.Value;
            switch (edit.Name)
            {
                case "set":
                    byte[] written = Convert.FromHexString(value[1].GetString()!);
                    int at = value[0].GetInt32();
                    bytes.RemoveRange(at, Math.Min(written.Length, bytes.Count - at));
                    bytes.InsertRange(at, written);
                    break;
                case "truncate": bytes.RemoveRange(Math.Min(bytes.Count, value.GetInt32()), bytes.Count - Math.Min(bytes.Count, value.GetInt32())); break;
                case "insert": bytes.InsertRange(value[0].GetInt32(), Convert.FromHexString(value[1].GetString()!)); break;
                case "delete": bytes.RemoveRange(value[0].GetInt32(), value[1].GetInt32()); break;
                case "append_zeros": bytes.AddRange(new byte[value.GetInt32()]); break;
                case "append_repeat":
                    byte[] part = Convert.FromHexString(value[0].GetString()!);
                    for (int i = 0; i < value[1].GetInt32(); i++) bytes.AddRange(part);
                    break;
                case "append_text": bytes.AddRange(Encoding.UTF8.GetBytes(value.GetString()!)); break;
                case "append_hex": bytes.AddRange(Convert.FromHexString(value.GetString()!)); break;
                case "append_u64":
                    byte[] number = new byte[8];
                    BinaryPrimitives.WriteUInt64LittleEndian(number, value.ValueKind == JsonValueKind.String ? ulong.Parse(value.GetString()!, System.Globalization.CultureInfo.InvariantCulture) : value.GetUInt64());
                    bytes.AddRange(number);
                    break;
                default: throw new InvalidDataException($"The edit {edit.Name} is not known here.");
            }
        }
        return [.. bytes];
    }
}
