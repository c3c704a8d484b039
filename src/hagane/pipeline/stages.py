"""The stages there are. A new stage is one line here (see CONTRIBUTING.md)."""

from __future__ import annotations

from collections.abc import Mapping

from hagane.artifact.stage import Stage
from hagane.clean.stage import STAGE as CLEAN
from hagane.evaluate.stage import STAGE as EVALUATE
from hagane.export.importing.stage import STAGE as IMPORT
from hagane.export.stage import STAGE as EXPORT
from hagane.finetune.stage import STAGE as FINETUNE
from hagane.instruct.stage import STAGE as INSTRUCT
from hagane.prefer.dpo.stage import STAGE as DPO
from hagane.prefer.pairs.stage import STAGE as PAIRS
from hagane.prefer.ppo.stage import STAGE as PPO
from hagane.prefer.reward.stage import STAGE as REWARD
from hagane.pretrain.stage import STAGE as PRETRAIN
from hagane.tokenizer.stage import STAGE as TOKENIZER

STAGES: Mapping[str, Stage] = {
    stage.name: stage
    for stage in (CLEAN, TOKENIZER, PRETRAIN, FINETUNE, INSTRUCT, PAIRS, REWARD, DPO, PPO, EVALUATE, EXPORT, IMPORT)
}
