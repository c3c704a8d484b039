from __future__ import annotations

import random
from pathlib import Path

import pytest

from hagane.tokenizer.encode import Tokenizer
from hagane.tokenizer.huggingface import write_huggingface
from hagane.tokenizer.train import train_sentencepiece

WORDS = """設定 ファイル を 編集 して サーバー が 再起動 します 。 、 です である 表 列 の 幅 は 変える には 境界
ドラッグ 日本 首都 東京 人口 約 「 」 印刷 ボタン 押す と プレビュー 開きます 吾輩 猫 名前 まだ 無い どこ
生れた か 見当 つかぬ プロセス ユーザー 指定 シグナル 送ります ない した される ための について この その
すべて 文字 入力 出力 選択 次 前 新しい 古い 場合 引数 値 返す 失敗 成功 画面 ページ 一覧 <b> </b> </ || |> <
> /* */ version number print the option and exits file user LibreOffice ID 2024 100 １２ ( ) = != -> ！"""


@pytest.fixture(scope="session")
def lines() -> list[str]:
    """Lines of words thrown together, some with spaces between."""
    generator = random.Random(1)
    words = [*WORDS.split(), "\u3000"]
    return [(" " if i % 3 == 0 else "").join(generator.choices(words, k=12)) for i in range(600)]


@pytest.fixture(scope="session")
def tokenizer(lines: list[str], tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    (folder / "tokenizer.model").write_bytes(train_sentencepiece(lines, vocab_size=700, character_coverage=0.995))
    made = Tokenizer.load(folder)
    write_huggingface(made, folder)
    return made
