using System.Buffers.Binary;
using System.Text;
using Weft.Training.Runs;

namespace Weft.Training.Tests.Runs;

public sealed class TensorBoardWriterTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weft-events-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // The check value of the CRC catalogue, and those of RFC 3720, appendix B.4.
    [Fact]
    public void Compute_KnownInputs_GivesTheKnownChecksums()
    {
        Assert.Equal(0xE3069283u, Crc32C.Compute("123456789"u8));
        Assert.Equal(0u, Crc32C.Compute([]));
        Assert.Equal(0x8A9136AAu, Crc32C.Compute(new byte[32]));
        byte[] bytes = new byte[32];
        bytes.AsSpan().Fill(0xFF);
        Assert.Equal(0x62A8AB43u, Crc32C.Compute(bytes));
        for (int i = 0; i < 32; i++) bytes[i] = (byte)i;
        Assert.Equal(0x46DD794Eu, Crc32C.Compute(bytes));
        bytes.AsSpan().Reverse();
        Assert.Equal(0x113FDB5Cu, Crc32C.Compute(bytes));
    }

    [Fact]
    public void Compute_EveryLength_EqualsTheBitwiseDefinition()
    {
        byte[] bytes = new byte[258];
        new Random(1).NextBytes(bytes);
        for (int length = 0; length < bytes.Length; length++)
        {
            uint crc = ~0u;
            foreach (byte value in bytes.AsSpan(0, length))
            {
                crc ^= value;
                for (int bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
            }
            Assert.Equal(~crc, Crc32C.Compute(bytes.AsSpan(0, length)));
        }
    }

    [Fact]
    public void Create_EmptyRun_HasTheFirstRecordByteForByte()
    {
        string path;
        using (TensorBoardWriter writer = TensorBoardWriter.Create(_folder, clock: new FixedClock(1000.5))) path = writer.Path;

        Assert.StartsWith("events.out.tfevents.1000.", Path.GetFileName(path));
        byte[] bytes = File.ReadAllBytes(path);
        // 24 bytes of event: 09 <double 1000.5>, 1A 0D "brain.Event:2".
        byte[] wanted = [0x18, 0, 0, 0, 0, 0, 0, 0, .. bytes.AsSpan(8, 4), 0x09, 0, 0, 0, 0, 0, 0x44, 0x8F, 0x40, 0x1A, 0x0D, .. "brain.Event:2"u8, .. bytes.AsSpan(^4)];
        Assert.Equal(wanted, bytes);
        // With the checksum of the length 24 that every event file of TensorFlow starts with.
        Assert.Equal([0xA3, 0x7F, 0x4B, 0x22], bytes[8..12]);
        Assert.Equal(Masked(bytes.AsSpan(12, 24)), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(36)));
    }

    [Fact]
    public void AddScalar_ManyPoints_ReadBackInOrder()
    {
        string path;
        using (TensorBoardWriter writer = TensorBoardWriter.Create(_folder, clock: new FixedClock(1000)))
        {
            path = writer.Path;
            for (int step = 0; step < 5000; step++) writer.AddScalar("loss/training", step, 1.0 / (step + 1));
            writer.AddScalar("späte/Größe", long.MaxValue, double.NaN);
        }
        List<Message> events = Events(path);
        Assert.Equal(5002, events.Count);
        Assert.Equal("brain.Event:2", events[0].Text(3));
        for (int step = 0; step < 5000; step++)
        {
            Assert.Equal(1000, events[step + 1].Double(1));
            Assert.Equal(step, events[step + 1].Int(2));
            Message value = events[step + 1].Single(5).Single(1);
            Assert.Equal("loss/training", value.Text(1));
            Assert.Equal((float)(1.0 / (step + 1)), value.Float(2));
        }
        Assert.Equal(long.MaxValue, events[^1].Int(2));
        Assert.Equal("späte/Größe", events[^1].Single(5).Single(1).Text(1));
        Assert.Equal(float.NaN, events[^1].Single(5).Single(1).Float(2));
    }

    [Fact]
    public void Add_Point_WritesOneValueForEachMeasureThatIsThere()
    {
        string path;
        using (TensorBoardWriter writer = TensorBoardWriter.Create(_folder))
        {
            path = writer.Path;
            writer.Add(new MetricPoint { Step = 7, Loss = 2, LearningRate = 0.5, Tokens = 4096 }, [new("reward/margin", 3)]);
        }
        Message point = Events(path)[1];
        Assert.Equal(7, point.Int(2));
        Assert.Equal([("loss/training", 2f), ("optimizer/learning_rate", 0.5f), ("progress/tokens", 4096f), ("reward/margin", 3f)],
            point.Single(5).All(1).Select(value => (value.Text(1), value.Float(2))));
    }

    [Fact]
    public void AddText_Sample_IsATextSummary()
    {
        string path;
        // More than the writer's buffer, so that it has to grow.
        string sample = "Once upon\r\na <time>\n" + new string('x', 100_000);
        using (TensorBoardWriter writer = TensorBoardWriter.Create(_folder))
        {
            path = writer.Path;
            writer.AddText("samples", 3, sample);
        }
        Message value = Events(path)[1].Single(5).Single(1);
        Assert.Equal("samples", value.Text(1));
        Assert.Equal("text", value.Single(9).Single(1).Text(1)); // metadata.plugin_data.plugin_name
        Message tensor = value.Single(8);
        Assert.Equal(7, tensor.Int(1)); // DT_STRING
        Assert.Equal(1, tensor.Single(2).Single(2).Int(1)); // shape [1]
        Assert.Equal("    Once upon\n    a <time>\n    " + new string('x', 100_000), tensor.Text(8));
    }

    [Fact]
    public void Create_ResumedRun_SaysFromWhichStepOlderEventsAreDropped()
    {
        string path;
        using (TensorBoardWriter writer = TensorBoardWriter.Create(_folder, firstStep: 41)) path = writer.Path;
        Message start = Events(path)[1];
        Assert.Equal(41, start.Int(2));
        Assert.Equal(1, start.Single(7).Int(1)); // session_log.status = START
    }

    [Fact]
    public void Create_TwiceInOneSecond_GivesTwoFiles()
    {
        using TensorBoardWriter first = TensorBoardWriter.Create(_folder, clock: new FixedClock(5));
        using TensorBoardWriter second = TensorBoardWriter.Create(_folder, clock: new FixedClock(5));
        Assert.NotEqual(first.Path, second.Path);
        Assert.Contains("tfevents", second.Path);
    }

    [Fact]
    public void AddScalar_SteadyState_AllocatesNothing()
    {
        using TensorBoardWriter writer = TensorBoardWriter.Create(_folder);
        NamedValue[] other = [new("kl", 0.25)];
        void Steps(int first, int count)
        {
            for (int step = first; step < first + count; step++)
            {
                writer.AddScalar("loss/training", step, 0.5);
                writer.Add(new MetricPoint { Step = step, Loss = 1, TokensPerSecond = 2 }, other);
            }
        }
        Steps(0, 100);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Steps(100, 2000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    // Reads the records back, checking both checksums of each.
    private static List<Message> Events(string path)
    {
        List<Message> events = [];
        ReadOnlySpan<byte> rest = File.ReadAllBytes(path);
        while (!rest.IsEmpty)
        {
            int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(rest);
            Assert.Equal(Masked(rest[..8]), BinaryPrimitives.ReadUInt32LittleEndian(rest[8..]));
            ReadOnlySpan<byte> data = rest.Slice(12, length);
            Assert.Equal(Masked(data), BinaryPrimitives.ReadUInt32LittleEndian(rest[(12 + length)..]));
            events.Add(new Message(data.ToArray()));
            rest = rest[(16 + length)..];
        }
        return events;
    }

    private static uint Masked(ReadOnlySpan<byte> bytes)
    {
        uint crc = Crc32C.Compute(bytes);
        return unchecked((crc >> 15 | crc << 17) + 0xA282EAD8u);
    }

    // A protocol-buffer message, taken apart into its fields.
    private sealed class Message
    {
        private readonly List<(int Field, ulong Number, byte[] Bytes)> _fields = [];

        public Message(byte[] bytes)
        {
            int at = 0;
            while (at < bytes.Length)
            {
                ulong key = Varint(bytes, ref at);
                int size = (key & 7) switch { 1 => 8, 5 => 4, 2 => (int)Varint(bytes, ref at), _ => 0 };
                ulong number = (key & 7) == 0 ? Varint(bytes, ref at) : 0;
                _fields.Add(((int)(key >> 3), number, bytes[at..(at + size)]));
                at += size;
            }
        }

        public IEnumerable<Message> All(int field) => _fields.Where(f => f.Field == field).Select(f => new Message(f.Bytes));
        public Message Single(int field) => All(field).Single();
        public string Text(int field) => Encoding.UTF8.GetString(_fields.Single(f => f.Field == field).Bytes);
        public double Double(int field) => BinaryPrimitives.ReadDoubleLittleEndian(_fields.Single(f => f.Field == field).Bytes);
        public float Float(int field) => BinaryPrimitives.ReadSingleLittleEndian(_fields.Single(f => f.Field == field).Bytes);
        public long Int(int field) => (long)_fields.SingleOrDefault(f => f.Field == field).Number;

        private static ulong Varint(byte[] bytes, ref int at)
        {
            ulong value = 0;
            for (int shift = 0; ; shift += 7)
            {
                value |= (ulong)(bytes[at] & 0x7F) << shift;
                if ((bytes[at++] & 0x80) == 0) return value;
            }
        }
    }

    private sealed class FixedClock(double seconds) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddSeconds(seconds);
    }
}
