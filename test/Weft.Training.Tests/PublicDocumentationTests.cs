using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using System.Xml.Linq;

namespace Weft.Training.Tests;

/// <summary>Every public member of the libraries of tensors, models and training says what it is.</summary>
public sealed class PublicDocumentationTests
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    public static TheoryData<string> Libraries => ["Weft.Tensors", "Weft.Models", "Weft.Training"];

    [Theory]
    [MemberData(nameof(Libraries))]
    public void PublicMember_OfEveryType_HasASummary(string library)
    {
        Dictionary<string, XElement> documents = XDocument.Load(Path.Combine(AppContext.BaseDirectory, library + ".xml")).Descendants("member")
            .ToDictionary(static m => m.Attribute("name")!.Value, StringComparer.Ordinal);
        List<string> missing = [];
        int members = 0;
        foreach (Type type in Assembly.Load(library).GetExportedTypes().Where(static t => !t.FullName!.Contains('<', StringComparison.Ordinal)))
        {
            Require(Identifier(type), mayBeAbsent: false);
            if (type.IsSubclassOf(typeof(Delegate))) continue;
            foreach (MemberInfo member in type.GetMembers(Declared).Where(IsOffered))
                // The compiler makes a constructor where none is written, and a record's members.
                Require(Identifier(member), member is ConstructorInfo { IsStatic: false } made && made.GetParameters().Length == 0 || IsInherited(member));
        }
        Assert.True(missing.Count == 0, $"Without a summary: {string.Join("; ", missing)}");
        Assert.True(members > 50, $"Only {members} members were found in {library}.");

        void Require(string identifier, bool mayBeAbsent)
        {
            members++;
            if (!documents.TryGetValue(identifier, out XElement? document) ? !mayBeAbsent : !SaysSomething(document, documents, depth: 0)) missing.Add(identifier);
        }
    }

    [Fact]
    public void MissingDocumentation_IsAnErrorOfTheCompiler_AndNowhereSwitchedOff()
    {
        string root = SharedFolder.RepositoryRoot;
        string[] files = [.. Directory.EnumerateFiles(root, "*.props"), Path.Combine(root, ".editorconfig"), .. Files("*.csproj"), .. Files("*.props"), .. Files("*.cs")];
        Assert.Contains("<GenerateDocumentationFile>true</GenerateDocumentationFile>", File.ReadAllText(Path.Combine(root, "src", "Directory.Build.props")));
        Assert.Contains("<TreatWarningsAsErrors>true</TreatWarningsAsErrors>", File.ReadAllText(Path.Combine(root, "Directory.Build.props")));
        Assert.DoesNotContain(files, static file => File.ReadAllText(file).Contains("CS1591", StringComparison.Ordinal));

        IEnumerable<string> Files(string pattern) => Directory.EnumerateFiles(Path.Combine(root, "src"), pattern, SearchOption.AllDirectories)
            .Where(static file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal));
    }

    // ---- What counts ----------------------------------------------------------------------------------------------------

    private static bool IsOffered(MemberInfo member) => member switch
    {
        _ when member.IsDefined(typeof(CompilerGeneratedAttribute)) || member.Name.Contains('<', StringComparison.Ordinal) => false,
        Type => false, // nested types are exported types of their own
        MethodBase method => (method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly) && (!method.IsSpecialName || method is ConstructorInfo || method.Name.StartsWith("op_", StringComparison.Ordinal)),
        PropertyInfo property => property.GetAccessors(nonPublic: true).Any(static a => a.IsPublic || a.IsFamily || a.IsFamilyOrAssembly),
        FieldInfo field => (field.IsPublic || field.IsFamily) && !field.IsSpecialName,
        EventInfo e => e.AddMethod is { IsPublic: true },
        _ => false,
    };

    // What it is stands where it was first declared.
    private static bool IsInherited(MemberInfo member) => member switch
    {
        MethodInfo method => method.GetBaseDefinition() != method,
        PropertyInfo property => property.GetAccessors(nonPublic: true) is [var accessor, ..] && accessor.GetBaseDefinition() != accessor,
        _ => false,
    };

    private static bool SaysSomething(XElement document, Dictionary<string, XElement> documents, int depth)
    {
        if (document.Element("summary") is { } summary) return summary.DescendantNodes().OfType<XText>().Any(static text => !string.IsNullOrWhiteSpace(text.Value)) || summary.HasElements;
        if (document.Element("inheritdoc") is not { } inherited || depth > 5) return false;
        if (inherited.Attribute("cref")?.Value is not { } source) return true;
        return documents.TryGetValue(source, out XElement? other) ? SaysSomething(other, documents, depth + 1) : !source.Contains("Weft.", StringComparison.Ordinal) || source.Contains("Weft.Tensors.", StringComparison.Ordinal);
    }

    // ---- Names as the compiler writes them ------------------------------------------------------------------------------

    private static string Identifier(MemberInfo member)
    {
        string owner = member is Type ? "" : TypeName(member.DeclaringType!) + ".";
        return member switch
        {
            Type type => "T:" + TypeName(type),
            ConstructorInfo constructor => $"M:{owner}{(constructor.IsStatic ? "#cctor" : "#ctor")}{Parameters(constructor.GetParameters())}",
            MethodInfo method => $"M:{owner}{method.Name}{(method.IsGenericMethod ? $"``{method.GetGenericArguments().Length}" : "")}{Parameters(method.GetParameters())}"
                + (method.Name is "op_Implicit" or "op_Explicit" ? "~" + Encode(method.ReturnType) : ""),
            PropertyInfo property => $"P:{owner}{property.Name}{Parameters(property.GetIndexParameters())}",
            FieldInfo field => $"F:{owner}{field.Name}",
            _ => $"E:{owner}{member.Name}",
        };
    }

    private static string TypeName(Type type) => (type.IsGenericType ? type.GetGenericTypeDefinition() : type).FullName!.Replace('+', '.');

    private static string Parameters(ParameterInfo[] parameters) => parameters.Length == 0 ? "" : $"({string.Join(",", parameters.Select(static p => Encode(p.ParameterType)))})";

    private static string Encode(Type type)
    {
        if (type.IsByRef) return Encode(type.GetElementType()!) + "@";
        if (type.IsPointer) return Encode(type.GetElementType()!) + "*";
        if (type.IsArray) return Encode(type.GetElementType()!) + (type.GetArrayRank() == 1 ? "[]" : $"[{string.Join(",", Enumerable.Repeat("0:", type.GetArrayRank()))}]");
        if (type.IsGenericParameter) return (type.DeclaringMethod is null ? "`" : "``") + type.GenericParameterPosition;
        if (!type.IsGenericType) return type.FullName!.Replace('+', '.');

        // Outer{A}.Inner{B}: each level takes its own arguments.
        Type[] arguments = type.GetGenericArguments();
        StringBuilder name = new();
        int used = 0;
        foreach (string level in type.GetGenericTypeDefinition().FullName!.Split('+'))
        {
            if (name.Length > 0) name.Append('.');
            string[] parts = level.Split('`');
            name.Append(parts[0]);
            if (parts.Length == 1) continue;
            int count = int.Parse(parts[1]);
            name.Append('{').AppendJoin(',', arguments.Skip(used).Take(count).Select(Encode)).Append('}');
            used += count;
        }
        return name.ToString();
    }
}
