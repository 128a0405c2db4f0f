"""Longer texts of the method page."""

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
  are comparable. The scale stands below every picture, because the shape of a path depends on it.
- **Common space.** Where the encoders differ in width, a fixed linear map (principal components of the training
  features) takes visual features to the width of the texts.
- **Stage 1, semantic learner.** Starts from the picture's feature plus noise and removes the noise step by step. Each
  step estimates the clean goal: a category center.
- **Each estimate** is the exact one for goals with known probabilities (the goals weighted by how well each explains the
  noisy state, times its learned probability to the power of the guidance), plus a learned correction that starts at zero.
  What the picture itself leaves in the noisy state is not counted as evidence a second time.
- **Stage 2, semantic translator.** The same from that center to the text features of the classes you typed.
- **Feature interaction.** At every step the noisy state attends to the condition and to the texts of *all* candidate
  classes, never to the true one alone. So any list of classes can be used.
- **Sampling.** DDIM, DDPM and DPM-Solver++ from diffusers, predicting the clean feature, with clipping switched off.
- **The answer** comes from the translator's calibrated class probabilities. A path is one draw: with guidance 1 it ends
  in a class about as often as that class is probable, so the end of a path and the first answer may differ.
"""

MAP = """
### What the map can tell
The map is fitted once for an aligner and then frozen. Your pictures land on it the same way every time, and no click
ever refits it.

- Points that lie together are usually alike. Points that lie apart are not always different.
- **Lengths and angles are not to scale.** The features have hundreds of dimensions, the map has two; twice as far on the
  map does not mean half as similar. The curves beside the map show real cosine similarities.
- The map is UMAP's objective on a small network, with consecutive states of a path as additional neighbours. It was
  fitted to training pictures, centers, texts and some paths of training pictures; very unlike pictures and words land
  where the network extrapolates.
- The cloud in the background is a sample of training features; its size is stated below the picture.
"""

LIMITS = """
### What it cannot do
- The shipped aligner has seen small grey pictures of clothes. It will give probabilities for a photo of your cat, too;
  they only say which of your texts it finds nearest.
- A single step already holds all class information when each class has one goal: the answer is read there, and many
  steps show the way without making it better. Whether SeDA beats simple one-step methods on the same features has not
  been measured with this program yet.
- Class texts that the aligner was not trained on work through the likeness of words, and less well.
"""
