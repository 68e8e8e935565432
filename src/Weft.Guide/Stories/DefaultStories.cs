namespace Weft.Guide.Stories;

/// <summary>The grammar of the stories that Weft learns from when it is given no other text.</summary>
/// <remarks>
/// How to read it (<see cref="StoryGrammar.Parse"/> has the formal rules):
/// a <c>list</c> is a table whose columns are the features of its entries, with the article, pronoun or verb that agrees with each;
/// a <c>sentence</c> or <c>rule</c> has one weighted alternative per line;
/// <c>{hero:hero.kind}</c> picks an entry, remembers it as <c>hero</c> and writes its kind; <c>{hero.his}</c> refers back to it;
/// <c>^</c> writes a capital; <c>&lt;Opening&gt;</c> inserts another rule; <c>[trait=shy]</c> allows a line only for shy heroes,
/// <c>[habit]</c> only when a habit was told.
/// An entry with a new name, a new line of a sentence or a whole new plot needs no change elsewhere. Two things to keep, and the tests
/// check both: no text may be written in two ways, and every story must fit a context of 128 tokens.
/// </remarks>
internal static class DefaultStories
{
    public const string Text = """
        # ---- Who -------------------------------------------------------------------------------------------------

        list hero | he | him | his | kind
          Tom   | he  | him | his | boy
          Ben   | he  | him | his | boy
          Max   | he  | him | his | boy
          Leo   | he  | him | his | boy
          Lily  | she | her | her | girl
          Mia   | she | her | her | girl
          Anna  | she | her | her | girl
          Rose  | she | her | her | girl
          Pip   | he  | him | his | mouse
          Dot   | she | her | her | mouse
          Hazel | she | her | her | rabbit
          Sandy | he  | him | his | rabbit
          Bruno | he  | him | his | bear
          Rusty | he  | him | his | fox
          Poppy | she | her | her | hedgehog
          Milo  | he  | him | his | kitten
          Daisy | she | her | her | duckling
          Toby  | he  | him | his | puppy
          Ruby  | she | her | her | squirrel

        list helper | he | him | kind | skill
          Olga  | she | her | owl       | fly
          Hugo  | he  | him | crow      | fly
          Ida   | she | her | swallow   | fly
          Felix | he  | him | frog      | swim
          Tilda | she | her | turtle    | swim
          Emil  | he  | him | beaver    | swim
          Ned   | he  | him | mole      | dig
          Greta | she | her | badger    | dig
          Walt  | he  | him | woodchuck | dig

        list family | he | him | his
          mother      | she | her | her
          father      | he  | him | his
          grandmother | she | her | her
          grandfather | he  | him | his
          sister      | she | her | her
          brother     | he  | him | his
          aunt        | she | her | her
          uncle       | he  | him | his

        list trait
          small
          brave
          shy
          kind
          curious
          merry
          gentle
          clever

        list nature
          wise
          friendly
          busy
          grey
          sleepy

        list feeling
          sad
          lonely
          tired
          worried
          cross

        list crowd
          all the neighbours
          the whole village
          all the ducks

        # ---- Where and when --------------------------------------------------------------------------------------

        list home | short
          in an old mill      | the mill
          in a green forest   | the forest
          under an oak tree   | the oak tree
          high in the hills   | the hills
          beside a quiet lake | the lake
          on a sunny farm     | the farm
          near a stone bridge | the bridge
          behind a blue door  | the blue door

        list time
          morning
          evening
          Sunday

        list habit
          fed the birds
          counted the clouds
          picked flowers
          watched the boats
          talked to the ducks
          told stories
          ran in the grass

        list until
          until supper
          until dark
          all day long

        list hours
          two
          three
          four

        # ---- What ------------------------------------------------------------------------------------------------

        list colour
          red
          blue
          green
          yellow
          white
          golden

        list thing | use
          kite    | flew
          ball    | rolled
          hat     | wore
          bell    | rang
          flute   | played
          book    | read
          scarf   | wore
          drum    | played
          whistle | blew

        list spot | reach | deed | skill
          in a pine tree    | climb so high | flew up to the branches | fly
          on the barn roof  | jump so high  | flew up to the roof     | fly
          deep in the pond  | dive so deep  | dived into the water    | swim
          across the stream | swim so far   | swam over the stream    | swim
          down a dark hole  | reach so far  | crawled into the hole   | dig
          under some stones | lift so much  | dug under the stones    | dig

        list gift | noun
          a jar of honey    | honey
          a pot of jam      | jam
          a warm shawl      | shawl
          a basket of pears | basket
          a music box       | music box
          a silver spoon    | spoon
          a new teapot      | teapot

        list dish | noun | need | part
          bake a plum cake   | cake     | plums   | three slices
          bake an apple pie  | pie      | apples  | two slices
          bake some bread    | bread    | flour   | four slices
          cook some soup     | soup     | carrots | two bowls
          cook some porridge | porridge | milk    | three bowls
          make some jam      | jam      | berries | five spoons

        list skill | past | fail | hint
          sing    | sang     | only a squeak came out     | breathe slowly
          whistle | whistled | no sound came out          | make your lips round
          dance   | danced   | both feet went wrong       | listen to the music
          skate   | skated   | the ice was too slippery   | bend your knees
          swim    | swam     | the water was too cold     | kick with your legs
          read    | read     | the letters ran about      | say each letter slowly
          paint   | painted  | the colours ran together   | use less water
          juggle  | juggled  | all the apples fell down   | start with one apple

        list sight | like
          the sea            | shone like glass
          the old castle     | touched the clouds
          the waterfall      | sang all day
          the big city       | never slept
          the rose garden    | smelled like summer
          the lighthouse     | winked like a star
          the snowy mountain | was always pink
          the rainbow        | had no end

        list barrier | past | deed | skill
          a dark forest   | through the forest | flew above the trees | fly
          a thick fog     | through the fog    | flew ahead           | fly
          a deep river    | across the river   | swam ahead           | swim
          a wide swamp    | across the swamp   | found dry stones     | swim
          a wall of snow  | through the snow   | dug a tunnel         | dig
          a heap of rocks | under the rocks    | dug a tunnel         | dig

        # ---- The story: an opening, one of five wishes, an ending ------------------------------------------------

        rule Story
          1 <Opening> <Lost>
          1 <Opening> <Gift>
          1 <Opening> <Make>
          1 <Opening> <Learn>
          1 <Opening> <See>

        sentence Opening
          5 Once upon a time, a {trait:trait} {hero:hero.kind} called {hero} lived {home:home}.
          3 {^home:home}, there lived a {trait:trait} {hero:hero.kind} called {hero}.
          3 {hero:hero} was a {trait:trait} {hero.kind} who lived {home:home}.

        sentence Habit
          3 Every {time:time}, {hero.he} {habit:habit}.
          2 {^hero.he} {habit:habit} every {time:time}.

        # Feelings, asked and told.

        sentence Ask
          2 "Why are you so {feeling}?" asked {helper}.
          1 "What makes you so {feeling}?" asked the {helper.kind}.

        # Something is lost, and someone with the right gift fetches it.

        rule Lost
          3 <Habit> <LostWish> <LostTrouble> <LostMeet> <LostDeed> <LostEnd> <LostLast>
          2 <LostWish> <LostTrouble> <LostMeet> <LostTell> <LostDeed> <LostEnd> <LostLast>
          1 <LostWish> <LostTrouble> <LostMeet> <Ask> <LostDeed> <LostEnd> <LostLast>
          1 <LostWish> <LostTrouble> <LostMeet> <LostDeed> <LostEnd>

        sentence LostWish
          3 One day, {hero} lost the {colour:colour} {thing:thing} that {hero.his} {family:family} had given {hero.him}.
          2 One day, {hero.his} {colour:colour} {thing:thing} was gone, and {hero} looked everywhere.
          2 One windy day, {hero} lost {hero.his} {colour:colour} {thing:thing}, a gift from {hero.his} {family:family}.

        sentence LostTrouble
          3 It was {spot:spot}, and {hero} could not {spot.reach}.
          2 Then {hero.he} saw it {spot:spot}, but {hero.he} could not {spot.reach}.

        sentence LostMeet
          3 {^hero.he} felt {feeling:feeling} until a {nature:nature} {helper:helper.kind if skill=spot.skill} called {helper} came by.
          2 {hero} was {feeling:feeling}, but then {helper:helper if skill=spot.skill} the {helper.kind} came along.
          2 A {nature:nature} {helper:helper.kind if skill=spot.skill} called {helper} saw that {hero.he} was {feeling:feeling}.

        sentence LostTell
          3 "I cannot reach my {colour} {thing}," said {hero}.
          2 "Please bring me my {thing}," said {hero}.
          1 "Is that {colour} {thing} yours?" asked {helper}.

        sentence LostDeed
          3 {helper} {spot.deed} and brought back the {colour} {thing}.
          2 "I can help you," said {helper}, and {helper.he} {spot.deed}.
          2 The {helper.kind} {spot.deed} and came back with the {thing}.

        sentence LostEnd
          3 {hero} was so happy that {hero.he} {thing.use} the {thing} {until:until}.
          2 {hero} hugged the {thing}, and then {hero.he} hugged {helper} too.
          2 "Thank you, {helper}!" said {hero}, and {hero.he} {thing.use} the {thing}.

        sentence LostLast
          5 <Last>
          1 Now {hero.he} knew that a friend is worth more than a {thing}.

        # A gift for someone in the family.

        rule Gift
          3 <Habit> <GiftWish> <GiftTrouble> <Meet> <GiftDeed> <GiftEnd> <GiftLast>
          2 <GiftWish> <GiftTrouble> <Meet> <GiftTell> <GiftDeed> <GiftEnd> <GiftLast>
          1 <GiftWish> <GiftTrouble> <Meet> <Ask> <GiftDeed> <GiftEnd> <GiftLast>
          1 <GiftWish> <GiftTrouble> <Meet> <GiftDeed> <GiftEnd>

        sentence GiftWish
          3 One day, {hero} wanted a gift for {hero.his} {family:family}, because it was {family.his} birthday.
          2 One day, {hero.his} {family:family} was ill, and {hero} wanted to bring {family.him} a gift.
          2 One day, {hero} wanted to thank {hero.his} {family:family}, because {family.he} worked so hard.

        sentence GiftTrouble
          3 {^hero.he} wanted to buy {gift:gift}, but the shop was closed.
          2 {^hero.he} saw {gift:gift} at the market, but it cost too much.
          2 {^hero.he} thought of {gift:gift}, but {hero.he} had only one coin.

        sentence GiftTell
          3 "I have no gift for my {family}," said {hero}.
          2 "All I need is {gift}," said {hero}.
          1 "Who is the {gift.noun} for?" asked {helper}.

        sentence GiftDeed
          3 "I have {gift} for you," said {helper}.
          2 {helper} ran home and came back with {gift}.
          2 The {helper.kind} smiled and gave {hero.him} {gift} with a {colour:colour} ribbon.

        sentence GiftEnd
          3 {^hero.his} {family} loved the {gift.noun} and gave {hero.him} a big hug.
          2 {hero} gave the {gift.noun} to {hero.his} {family}, and {family.he} laughed with joy.
          2 "For me?" asked {hero.his} {family}, and {family.he} kissed {hero} on the nose.

        sentence GiftLast
          5 <Last>
          1 Now {hero.he} knew that the best gifts come from the heart.

        # Something good to eat, and one thing is missing.

        rule Make
          3 <Habit> <MakeWish> <MakeTrouble> <Meet> <MakeDeed> <MakeEnd> <MakeLast>
          2 <MakeWish> <MakeTrouble> <Meet> <MakeTell> <MakeDeed> <MakeEnd> <MakeLast>
          1 <MakeWish> <MakeTrouble> <Meet> <Ask> <MakeDeed> <MakeEnd> <MakeLast>
          1 <MakeWish> <MakeTrouble> <Meet> <MakeDeed> <MakeEnd>

        sentence MakeWish
          3 One day, {hero} wanted to {dish:dish}, because {hero.his} {family:family} was coming to tea.
          2 One day, {hero} promised {hero.his} {family:family} to {dish:dish}.
          2 One cold day, {hero} wanted to {dish:dish} for {hero.his} {family:family}.

        sentence MakeTrouble
          3 But {hero.he} had no {dish.need} in the house.
          2 But when {hero.he} opened the cupboard, {hero.he} found no {dish.need}.
          2 But someone had taken all the {dish.need}.

        sentence MakeTell
          3 "I need {dish.need} for my {dish.noun}," said {hero}.
          2 "May I have some {dish.need}?" asked {hero}.

        sentence MakeDeed
          3 "I have enough {dish.need} for both of us," said {helper}.
          2 {helper} ran home and came back with the {dish.need}.
          2 The {helper.kind} gave {hero.him} {dish.need} and helped in the kitchen.

        sentence MakeEnd
          3 Soon the {dish.noun} was ready, and {hero.his} {family} ate {dish.part}.
          2 The {dish.noun} smelled so good that {crowd:crowd} came to the door.
          2 "This is the best {dish.noun} of all!" said {hero.his} {family}.

        sentence MakeLast
          5 <Last>
          1 Now {hero.he} knew that {dish.noun} tastes best when you share it.

        # Something to learn, and someone who knows the trick.

        rule Learn
          3 <Habit> <LearnWish> <LearnTrouble> <Meet> <LearnDeed> <LearnEnd> <LearnLast>
          2 <LearnWish> <LearnTrouble> <Meet> <LearnTell> <LearnDeed> <LearnEnd> <LearnLast>
          1 <LearnWish> <LearnTrouble> <Meet> <Ask> <LearnDeed> <LearnEnd> <LearnLast>
          1 <LearnWish> <LearnTrouble> <Meet> <LearnDeed> <LearnEnd>

        sentence LearnWish
          3 One day, {hero} wanted to learn to {skill:skill} like {hero.his} {family:family}.
          2 One day, {hero} wanted to {skill:skill}, because it looked like so much fun.
          2 One day, {hero} wanted to {skill:skill}, because all {hero.his} friends could do it.

        sentence LearnTrouble
          3 {^hero.he} tried and tried, but {skill.fail}.
          2 But the first time, {skill.fail}.
          1 But every time {hero.he} tried, {skill.fail}.

        sentence LearnTell
          3 "I will never learn to {skill}," said {hero}.
          2 "Can you teach me to {skill}?" asked {hero}.

        sentence LearnDeed
          3 "You only have to {skill.hint}," said {helper}.
          2 "Try again and {skill.hint}," said {helper}.
          2 "First you must {skill.hint}," said the {helper.kind}.

        sentence LearnEnd
          3 Soon {hero} {skill.past} so well that {crowd:crowd} clapped.
          2 {hero} tried again, and that evening {hero.he} {skill.past} for {crowd:crowd}.
          2 After a week, {hero.he} could {skill} better than {helper}.

        sentence LearnLast
          5 <Last>
          1 Now {hero.he} knew that nobody can {skill} on the first day.

        # Something far away, and something in the way.

        rule See
          3 <Habit> <SeeWish> <SeeTrouble> <SeeMeet> <SeeDeed> <SeeEnd> <SeeLast>
          2 <SeeWish> <SeeTrouble> <SeeMeet> <SeeTell> <SeeDeed> <SeeEnd> <SeeLast>
          1 <SeeWish> <SeeTrouble> <SeeMeet> <Ask> <SeeDeed> <SeeEnd> <SeeLast>
          1 <SeeWish> <SeeTrouble> <SeeMeet> <SeeDeed> <SeeEnd>

        sentence SeeWish
          3 One day, {hero} wanted to see {sight:sight}, because {hero.his} {family:family} said that it {sight.like}.
          2 One fine day, {hero} set out to see {sight:sight}, which {sight.like}.

        sentence SeeTrouble
          3 But there was {barrier:barrier} in the way.
          2 After {hours:hours} hours, {hero.he} came to {barrier:barrier}.
          2 Soon {barrier:barrier} stopped {hero.him}.

        sentence SeeMeet
          3 {^hero.he} felt {feeling:feeling} until a {nature:nature} {helper:helper.kind if skill=barrier.skill} called {helper} came by.
          2 {hero} was {feeling:feeling}, but then {helper:helper if skill=barrier.skill} the {helper.kind} came along.
          2 A {nature:nature} {helper:helper.kind if skill=barrier.skill} called {helper} saw that {hero.he} was {feeling:feeling}.

        sentence SeeTell
          3 "I cannot get {barrier.past}," said {hero}.
          2 "How can I get {barrier.past}?" asked {hero}.

        sentence SeeDeed
          3 {helper} {barrier.deed} and led {hero.him} {barrier.past}.
          2 "Follow me," said {helper}, and {helper.he} {barrier.deed}.
          2 The {helper.kind} {barrier.deed}, and {hero} followed {helper.him} {barrier.past}.

        sentence SeeEnd
          3 There was {sight} at last, and it really {sight.like}.
          2 At last they saw {sight}, and {hero} laughed with joy.
          2 "It really {sight.like}!" said {hero} when they saw {sight}.

        sentence SeeLast
          5 <Last>
          1 Now {hero.he} knew that every road is short with a friend.

        # ---- Meeting and parting ---------------------------------------------------------------------------------

        sentence Meet
          3 {^hero.he} felt {feeling:feeling} until a {nature:nature} {helper:helper.kind} called {helper} came by.
          2 {hero} was {feeling:feeling}, but then {helper:helper} the {helper.kind} came along.
          2 A {nature:nature} {helper:helper.kind} called {helper} saw that {hero.he} was {feeling:feeling}.

        rule Last
          8 [habit] And every {time}, {hero} and {helper} {habit} together.
          3 Then {hero} went home to {home.short} and dreamed of {helper}.
          2 {hero} and {helper} were friends for ever.
          2 And {hero} was never {feeling} again.
          2 [trait=shy] And {hero} was not so shy any more.
          2 [trait=small] {hero} was still small, but {hero.his} heart was big.
          2 [trait=brave,merry] {hero} was as {trait} as ever, and now {hero.he} had a friend.
          2 [helper.skill=fly] Sometimes {helper} still flies over {home.short} to say hello.
          2 [helper.skill=swim] On hot days, {helper} and {hero} still swim together.
          2 [helper.skill=dig] In winter, {helper} and {hero} still sit by the fire.
        """;
}
