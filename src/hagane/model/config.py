"""The shape of a decoder: the few numbers that decide its weights and its text protocol.

The names are those of Hugging Face configs where both have them, so that a reader of a `config.json` finds the same
words. The default shape is Qwen3's (Yang et al. 2025, "Qwen3 Technical Report", section 2): RMSNorm, SwiGLU, rotary
positions, grouped-query attention, normalised queries and keys. The other families are that shape with other settings:

- Llama (Touvron et al. 2023; Sarashina2): no normalised queries and keys
- Mistral (Jiang et al. 2023, section 2): Llama with a sliding window
- Qwen2 (Yang et al. 2024, section 2.2): Llama with biases on queries, keys and values
- GPT-NeoX (Black et al. 2022, section 2; Sarashina1): LayerNorm, plain GELU, biases everywhere, rotary positions on a
  part of each head, attention and feed-forward side by side (Sarashina1: all of each head, one after the other)
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Family = Literal["llama", "mistral", "qwen2", "qwen3", "gpt_neox"]
"""`model_type` of a Hugging Face config."""


def family_of(shape: dict[str, Any]) -> Family:
    """The family whose block has the settings in `shape`."""
    if shape.get("norm") == "layer":
        return "gpt_neox"
    if shape.get("qk_norm"):
        return "qwen3"
    if shape.get("window") is not None:
        return "mistral"
    return "qwen2" if shape.get("qkv_bias") and not shape.get("out_bias") else "llama"


class DecoderConfig(BaseModel):
    """Everything that is needed to build a `Decoder` of the right shape."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocab_size: int = Field(gt=0, description="Entries of the tokenizer; rows of the embedding.")
    hidden_size: int = Field(gt=0, description="Width of the residual stream.")
    intermediate_size: int = Field(gt=0, description="Width between the two halves of the feed-forward layer.")
    num_layers: int = Field(gt=0, description="Blocks.")
    num_heads: int = Field(gt=0, description="Query heads.")
    num_kv_heads: int = Field(gt=0, description="Key–value heads; divides num_heads.")
    head_dim: int = Field(gt=0, description="Width of one head; even, because rotary positions turn pairs.")
    rope_theta: float = Field(10_000.0, gt=0, description="Base of the rotary frequencies.")
    rotary_share: float = Field(1.0, gt=0, le=1, description="Part of each head that is turned by its position.")
    window: int | None = Field(
        None, gt=0, description="Tokens that a token sees, itself included; none: all before it."
    )
    norm: Literal["rms", "layer"] = Field("rms", description="RMSNorm, or LayerNorm with a bias.")
    norm_eps: float = Field(1e-6, gt=0, description="Added to the mean square, or the variance, in a norm.")
    qk_norm: bool = Field(True, description="RMSNorm on queries and keys (Qwen3); false is Llama.")
    feed_forward: Literal["swiglu", "gelu"] = Field("swiglu", description="Gated with SiLU, or plain with exact GELU.")
    parallel_residual: bool = Field(False, description="Attention and feed-forward both read the input of the block.")
    qkv_bias: bool = Field(False, description="Biases on queries, keys and values.")
    out_bias: bool = Field(False, description="A bias behind attention.")
    mlp_bias: bool = Field(False, description="Biases in the feed-forward layer.")
    tie_embeddings: bool = Field(True, description="The head is the embedding.")
    max_positions: int = Field(1024, gt=0, description="Longest sequence the model is meant for, in tokens.")
    bos_id: int | None = Field(None, description="Token before a text.")
    eos_id: int | None = Field(None, description="Token after a text.")
    other_eos_ids: tuple[int, ...] = Field(
        (), description="Further tokens that end a text, if the folder named several."
    )
    pad_id: int | None = Field(None, description="Token that fills short rows.")
    # Last, since its default is read off the fields above. It is a field because a Mistral without a window is a Llama.
    family: Family = Field(
        default_factory=family_of, description="Family it is stored as; by default told by the shape."
    )

    @model_validator(mode="after")
    def _fits(self) -> DecoderConfig:
        if self.num_heads % self.num_kv_heads:
            raise ValueError(f"num_heads {self.num_heads} is not a multiple of num_kv_heads {self.num_kv_heads}")
        if self.head_dim % 2:
            raise ValueError(f"head_dim {self.head_dim} is odd; rotary positions need pairs")
        if self.rotary_dim < 2 or self.rotary_dim % 2:
            raise ValueError(f"rotary_share {self.rotary_share} of head_dim {self.head_dim} is not a number of pairs")
        return self

    @property
    def rotary_dim(self) -> int:
        """Leading entries of each head that are turned by its position."""
        return int(self.head_dim * self.rotary_share)

    @property
    def qkv_rows(self) -> tuple[int, int, int]:
        """Rows of queries, keys and values in the fused projection."""
        return self.num_heads * self.head_dim, self.num_kv_heads * self.head_dim, self.num_kv_heads * self.head_dim

    @property
    def parameters_count(self) -> int:
        """Parameters of the decoder; a tied head is counted once."""
        qkv, inner = sum(self.qkv_rows), self.intermediate_size * (2 if self.feed_forward == "swiglu" else 1)
        matrices = (qkv + self.qkv_rows[0] + inner + self.intermediate_size) * self.hidden_size
        biases = qkv * self.qkv_bias + self.hidden_size * self.out_bias + (inner + self.hidden_size) * self.mlp_bias
        norm = self.hidden_size * (2 if self.norm == "layer" else 1)
        block = matrices + biases + 2 * norm + (2 * self.head_dim if self.qk_norm else 0)
        embeddings = self.vocab_size * self.hidden_size * (1 if self.tie_embeddings else 2)
        return embeddings + self.num_layers * block + norm
