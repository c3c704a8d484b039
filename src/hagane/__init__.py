"""hagane 鋼: raw Japanese web text in, a preference-tuned language model out."""

__version__ = "0.1.0"
