"""Longer texts of the method page and of the search page."""

UPLOADS_STAY = (
    "Uploads stay in the memory of this session on this machine: never written to disk, never shown to another session, gone "
    "when this one ends."
)

SEARCH_BEFORE = (
    "Cosine of the scaled features as the encoders give them. Encoders that were never trained together, such as the bundled "
    "pair, agree here about as often as chance."
)

SEARCH_AFTER = (
    "Probability that SeDA gives the word among the {words} words compared here. All pictures answer the same list, so pictures "
    "can be compared."
)

PAPER = """
SeDA stands for *Semantic-Space-Intervened Diffusive Alignment* (Li, Meng, Chao, Wu, Yan, Yang, Qi, Meng, IJCAI 2025,
[arXiv 2505.05721](https://arxiv.org/abs/2505.05721)).

**What the paper states.** Mapping a picture's feature to a text feature in one jump is hard: the two kinds differ in how
a class's samples are spread and in the range of their values. SeDA goes in two stages, with a space of categories as the
bridge between them. The *Diffusion-Controlled Semantic Learner* leads visual features to the category centers of the
visual features. The *Diffusion-Controlled Semantic Translator* learns the distribution of text features from there. A
*Progressive Feature Interaction Network* brings in text information at every step, little by little. The authors claim
stronger alignment and better classification.
"""

OUR_READING = """
### What is our reading
We know the abstract only; no public code was found. Everything below is ours, and **no accuracy of SeDA is quoted
anywhere**. Numbers in this program are measured with this program.

- **Scaling.** Features are centred, brought to one length and multiplied by a stated scale, so that noise and features
  are comparable. The scale stands below every picture, because the shape of a path depends on it. Image features without
  negative values are replaced by their square roots first (Yang, Liu and Xu, ICLR 2021); with few images this helps more
  than anything else that was tried, and it helps simple methods, too. *open-vocabulary* goes without.
- **Common space.** Where the encoders differ in width, a fixed linear map (principal components of the training
  features) takes visual features to the width of the texts.
- **Stage 1, semantic learner.** Starts from the picture's feature plus noise and removes the noise step by step. Each
  step estimates the clean goal: a category center, or with a learned denoiser a feature near it.
- **Each estimate** comes from the denoiser that you chose. The *learned* one is trained on pairs of pictures and texts: a
  network (PFIN) says how likely each category or each of your words is the one, or none of them, and corrects the estimate that
  follows; guidance goes beyond it, away from the estimate without the picture. The *Gaussian* one has no network: it spreads
  around what one step says, by as much as that is wrong. The *closed form* is the exact estimate for goals with known
  probabilities (to the power of the guidance); every path of it ends at a word, which stood before its first step.
  What the picture itself leaves in the noisy state is not counted as evidence a second time.
- **Where a learned path ends** is not the answer. It ends where the network led it: at a word of your list, or away from all of
  them, which the picture then says. The answer has its own way:
- **Where the answer's probability comes from.** Not from steps: two read-outs in closed form (one Gaussian around each center with a
  shared covariance, and a ridge regression; for encoders such as CLIP also their own comparison with the class texts) speak first, answers averaged; a small network may add what images that it was
  not trained on confirm. Stage 2 carries this belief over to your words by how near they lie to the categories' own.
- **Any words.** The aligner *open-vocabulary* has 1,000 categories, those of the image encoder's own classifier, known by their
  names, synonyms and kinds ("retriever", "dog", "mammal"). Its belief about your words pools five readings: the categories' belief
  shared out among your words, the mean text of the categories, two linear maps to text, one from the categories' centers and one
  from drawings with names, and a small map learned from both by contrast. Its centers on the map are only those that the
  paths came near. Its answer takes no steps; its learned denoisers were trained on the drawings with their names and
  around the categories' centers.
- **None of these.** Where more of what a picture may show is left out by your list than is on it, the card says so, and which
  category the picture looks like most. One in seventeen photographs whose word is on the list is refused, and three of four whose is not.
- **Stage 2, semantic translator.** The same from that center to the text features of the classes you typed.
- **Feature interaction.** At every step the noisy state attends to the condition and to the texts of *all* candidate
  classes, never to the true one alone. So any list of classes can be used.
- **Sampling.** DDIM without fresh noise by its own line; DDPM, DPM-Solver++ and DDIM with fresh noise by diffusers; all predicting the clean feature, with clipping switched off.
- **The answer** comes from the translator's calibrated class probabilities. A path is one draw, so its end and the answer may
  differ; *Other random starts* shows more draws, and what the average of their ends is nearest to.
"""

DISTRIBUTION = """
### What steps are for
One step can say what a picture's text is *on average*. Such an average is right about as often as anything else, and looks like
no text: too short, and crowded in the middle. Many small steps draw *one* text from all that the picture may be called. So the
learned denoiser is judged by both: how often the right text is nearest, and whether its ends are spread like real texts.

Measured on names that nothing was trained on, and on Fashion-MNIST, whose texts are any phrasing of a class: all of them are on the
list there, and an end is read by the mean of each class's phrasings. **MMD²** is the distance of all ends from all real texts, 0 where
they are spread alike; **coverage** the share of real texts with an end beside them; **length** (texts have {lengths}) and **spread**
(1 is that of texts) say how wide the ends reach; **R@1** how often the right text is the nearest, to one end and to the mean of 16. All
maps learned from the same pairs, for as many batches; SeDA also sees the list, and *bank emptied* is SeDA without it. *seda* draws what
was learned, *guided* walks as the app does: its ends are right more often, and a little less like a fair draw. Steps do not
win everywhere. {losses}
"""
DISTRIBUTION_STEPS = """
**Step by step.** From above: how often the right text is the nearest one to what the denoiser expects at the end; how far the
states are from real texts, dotted within each class; how widely they are spread, 1 as real texts; how undecided the denoiser is
between the texts of the list, from all that it sees at this step. It is decided where that curve falls.
"""

MAP = """
### What the maps can tell
The maps are fitted once for an aligner and then frozen. Your pictures land on them the same way every time, and no
control ever refits them, except the button that says so.

- **Points that lie together are usually alike.** Points that lie apart are not always different. Lengths and angles are
  not to scale: the features have hundreds of dimensions. The curves beside the map show real cosine similarities.
- **UMAP** (two and three dimensions) is UMAP's objective on a small network. Consecutive states of a path are
  additional neighbours, and paths are asked to be direct and free of jumps. That makes motion readable, and it is a
  choice: the straightness of a path on this map is partly made by the map. **Words** (two and three dimensions) makes no such
  choice: it is a straight shadow of the feature space, seen from where *your* words differ most (the principal axes of their
  features). The way to each word is drawn to scale there; what the pictures differ in besides is hidden, and few neighbours stay
  together. The **timeline** has the step as x and one dimension of UMAP as y, stretched where words lie close
  (its order is kept), and who is near a word in the features is drawn to its row.
- **Pictures lie at their points**, moved by at most one and a half of their radii, with a pin to the point: around a word as a fan, many of
  them as a mosaic. A ring of two colours says that this path ends at another word than the answer.
- **Trust** shows on the path: where it is solid, many of a state's 15 nearest neighbours in feature space (among
  training features, centers, class texts and states of other paths) are its neighbours on the map too. Noised states
  keep few: noise has no neighbours that a map could show.
- **Marks** show where a map jumps and the features do not, or the reverse: a step that is three times as long as its
  path's average in one of the two, and three times as long as in the other. The two steps that add noise are long in
  feature space and short on the UMAP; they carry most marks.
- **Other words** than the aligner's own are placed where the frozen map puts them. *Make room for these words* refits the
  maps: it starts from the frozen maps, and stops before more than 5 in 100 of the old points have moved by more than 5 % of
  the map's width. What moved is said below the picture, under *Details*.
- **The curves, the table and the sentences know no map.** Cosines, margins and steps are those of feature space. So are the
  *nearest training pictures*: by cosine, among at most 2,000 training features, wherever the map puts them.
- **The picture before**, its ghost, is the run before, under the same noise unless the seed was changed; *Compare with the
  picture before* brings it. How far it is away is measured in feature space, in lengths of a feature: 0 is the same, 1.4 is
  unrelated.
- **Other random starts**, or seeds, repeat a picture under other noise. Where the paths part, chance decides; the answer weighs all classes and
  depends on the noise only through the center at which stage 1 ended.
- The cloud in the background is a sample of training features. Of more than 20,000 every k-th is drawn, which is said.
"""

LIMITS = """
### What it cannot do
- The aligner *open-vocabulary* knows what 1,000 categories and 5,261 drawings look like. Hardly a person is among the categories:
  people are guessed from what they wear, faces and hands from drawings. Of photographs in twelve everyday groups it gets
  four of five right; among 355 descriptions three of ten. "None of these" is missed for a quarter of the pictures whose word is not on the list, and said of one in seven drawings whose word is. Words are read in 15 languages,
  which may be mixed. Words of others mean little to the text encoder, and all emoji are the same to it; the page says so where letters show it.
- The aligner *fashion-mnist* has seen small grey pictures of clothes. Its answers for a photo of your cat mean little.
- A single step already holds all class information when each class has one goal: the answer is read there, and many
  steps do not make it better. What they give is the spread of texts, see *What steps are for*.
- What its answer wins over simple methods on the same features, it wins through the scaling and the closed-form belief of
  stage 1, not through steps. On digits that is much; on emoji and Fashion-MNIST with few images a class it is about level
  with plain linear methods that get the same scaling, and in three of 24 comparisons .6 to .9 points below the best of them. The comparison is in `docs/benchmark`, made by `python -m seda benchmark`:
  the row *closed-form* is this answer, the row *seda* what the learned paths themselves say, by the mean of 16 ends.
- Class texts that the aligner was not trained on work through the likeness of words, and less well.
"""
