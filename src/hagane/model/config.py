"""The shape of a decoder: the few numbers that decide its weights and its text protocol.

The names are those of Hugging Face configs where both have them, so that a reader of a `config.json` finds the same
words. The default shape is Qwen3's (Yang et al. 2025, "Qwen3 Technical Report", section 2): RMSNorm, SwiGLU, rotary
positions, grouped-query attention, normalised queries and keys. `qk_norm=False` is Llama's (and Sarashina2's) block.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


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
    norm_eps: float = Field(1e-6, gt=0, description="Added to the mean square in RMSNorm.")
    qk_norm: bool = Field(True, description="RMSNorm on queries and keys (Qwen3); false is Llama.")
    tie_embeddings: bool = Field(True, description="The head is the embedding.")
    max_positions: int = Field(1024, gt=0, description="Longest sequence the model is meant for, in tokens.")
    bos_id: int | None = Field(None, description="Token before a text.")
    eos_id: int | None = Field(None, description="Token after a text.")
    pad_id: int | None = Field(None, description="Token that fills short rows.")

    @model_validator(mode="after")
    def _fits(self) -> DecoderConfig:
        if self.num_heads % self.num_kv_heads:
            raise ValueError(f"num_heads {self.num_heads} is not a multiple of num_kv_heads {self.num_kv_heads}")
        if self.head_dim % 2:
            raise ValueError(f"head_dim {self.head_dim} is odd; rotary positions need pairs")
        return self

    @property
    def qkv_rows(self) -> tuple[int, int, int]:
        """Rows of queries, keys and values in the fused projection."""
        return self.num_heads * self.head_dim, self.num_kv_heads * self.head_dim, self.num_kv_heads * self.head_dim

    @property
    def parameters_count(self) -> int:
        """Parameters of the decoder; a tied head is counted once."""
        attention = sum(self.qkv_rows) * self.hidden_size + self.qkv_rows[0] * self.hidden_size
        feed_forward = 3 * self.intermediate_size * self.hidden_size
        norms = 2 * self.hidden_size + (2 * self.head_dim if self.qk_norm else 0)
        embeddings = self.vocab_size * self.hidden_size * (1 if self.tie_embeddings else 2)
        return embeddings + self.num_layers * (attention + feed_forward + norms) + self.hidden_size
