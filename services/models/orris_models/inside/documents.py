"""Texts made of a vectorizer's vocabulary."""

COUNT = 200


def write(vocabulary, random):
    """Return documents of known and unknown words, capitals, punctuation, other scripts, and nothing at all."""
    words = vocabulary or ["alpha", "beta", "gamma"]
    texts = ["", " ", "Zyxwv unheard-of 12,5 e-mail@example.com", "\u00e9t\u00e9 \u00df \u4f60\u597d", "A"]
    while len(texts) < COUNT:
        chosen = [words[random.randint(len(words))] for _ in range(1 + random.randint(20))]
        text = random.choice([" ", " ", "  ", ", ", ". "]).join(chosen)
        texts.append(random.choice([text, text, text.upper(), text.capitalize() + "!", text + " zyxwv"]))
    return [str(text) for text in texts]
