using System.Reflection;

namespace Weft.Tensors.Tests.GradientTables;

/// <summary>All operations that the library offers: every public static method of a static class that returns tensors.</summary>
internal static class OpSurface
{
    // Static classes that write into what they are given.
    private static readonly Type[] s_notOperations = [typeof(Initializers), typeof(InPlace)];

    /// <summary>The operations by name; overloads by name and parameter types, such as <c>Sum(T, int, bool)</c>.</summary>
    internal static IReadOnlyList<string> Keys { get; } =
    [
        .. from type in typeof(Tensor).Assembly.GetExportedTypes()
           where type.IsAbstract && type.IsSealed && !type.IsNested && type.Namespace == "Weft.Tensors" && !s_notOperations.Contains(type)
           from method in type.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly)
           where ReturnsTensors(method.ReturnType)
           group method by method.Name into overloads
           from method in overloads
           select overloads.Count() == 1 ? method.Name : $"{method.Name}({string.Join(", ", method.GetParameters().Select(p => Word(p.ParameterType)))})",
    ];

    private static bool ReturnsTensors(Type type) =>
        type == typeof(Tensor) || type == typeof(Tensor[]) || (type.IsGenericType && type.FullName!.StartsWith("System.ValueTuple`", StringComparison.Ordinal) && type.GetGenericArguments().Any(ReturnsTensors));

    private static string Word(Type type) =>
        type == typeof(Tensor) ? "T"
        : type == typeof(int) ? "int"
        : type == typeof(double) ? "double"
        : type == typeof(bool) ? "bool"
        : type == typeof(string) ? "string"
        : Nullable.GetUnderlyingType(type) is { } inner ? Word(inner) + "?"
        : type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ReadOnlySpan<>) ? Word(type.GetGenericArguments()[0]) + ".."
        : type.Name;
}
