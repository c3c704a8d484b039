"""Words of shops and of menus in a line, each worth 1 or 3: evidence, never a verdict.

A word such as 送料 stands in prose, too. What counts is how much such evidence a line and its neighbours hold for their length;
the rules `advert` and `menu_line` weigh it.

All words are found in one pass without a loop over characters or words: two characters that begin a word mark a place; at the few
marked places a hash grows by one character a step for as long as it is the hash of a beginning of a word (a walk through a trie).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hagane.clean.lines import LineTable
from hagane.clean.tables import find

_SHOP = {
    3: """
    送料無料 送料込 カートに カートへ 買い物かご お買い物カゴ 最安値 激安 格安 お買い求め お買い得 お買得 大特価
    特価 半額 在庫あり 在庫処分 即日発送 即納 取り揃え 品揃え 品ぞろえ ご購入 購入はこちら 購入する お試しください
    無料見積 見積り無料 資料請求 税込 税抜 還元 全額返金 申し込みはこちら 申込みはこちら 注文はこちら ご注文
    詳細はこちら 期間限定 数量限定 初回限定 先着 残りわずか 売り切れ 売切れ 完売 小売価格 販売価格 通常価格 特別価格
    代引 正規品 通販 クーポン キャンペーン オンラインショップ 楽天 訳あり アウトレット お届けします お届けいたします
    セール お得 OFF オフ 入荷 好評 Amazon 専門店 お任せください 高価買取 業界最 地域最 大人気 お見積 定期購入
    定期コース 返金保証 コスパ
    """,
    1: """
    人気 おすすめ オススメ 限定 公式 こちら 今なら 今だけ 今すぐ 無料 口コミ 評判 ランキング 価格 送料 在庫 新作
    新品 中古 販売 購入 注文 申し込み 申込 お申込 比較 ポイント 商品 新発売 当店 当社 お問い合わせ 満足 お客様
    プレゼント ブランド メンズ レディース お気軽 ショップ 予約 特典 料金 相場 一括 安い 安く お探し 愛用 お届け 買取
    査定 会員登録 豊富 最新 発送 返品 保証 贈り物 お早め 話題 ご紹介 お手頃 割引 即日 24時間 単品 セット まとめ買い
    高品質 日本製 国産 おしゃれ かわいい 効果 実感 初回 お試し 選び方 ギフト チェック レビュー
    """,
}
_MENU = {
    3: """
    お問い合わせ お問合せ 会社概要 サイトマップ 採用情報 ログイン ログアウト マイページ プライバシーポリシー
    個人情報保護 利用規約 免責事項 特定商取引 よくある質問 よくあるご質問 新着情報 トップページ ページトップ
    トップへ 先頭へ 先頭に 会員登録 新規登録 パスワード 最新記事 関連記事 人気記事 新着記事 おすすめ記事 最近の記事
    最近のコメント 最近の投稿 前へ 次へ 前の記事 次の記事 前のページ 次のページ もっと見る 続きを読む 一覧へ
    一覧を見る 記事一覧 運営会社 広告掲載 サイトについて シェア ツイート ブックマーク 文字サイズ トラックバック
    リンク集 メールマガジン メルマガ Reserved Copyright サイト内検索 カテゴリ アーカイブ お気に入り ホームページ
    プレスリリース 会員限定 Facebook Twitter RSS いいね バックナンバー ご利用ガイド Pocket LINEで 投稿者 投稿日
    更新日 Posted 無断転載 あわせて読み ゲスト スポンサー
    """,
    1: """
    ホーム トップ 目次 インデックス 一覧 検索 お知らせ ニュース ヘルプ サポート ダウンロード タグ 記事 ブログ
    コメント プロフィール ランキング 特集 コラム 動画 写真 アクセス 事業内容 事業案内 製品情報 サービス メニュー
    閉じる English イベント セミナー 情報 無料 登録 送信 About Contact Home News Login Search 更新 投稿 公開 掲載
    配信 連載 レビュー スポーツ エンタメ 経済 国際 政治 案内 掲示板 商品 月別 LINE 印刷 ギャラリー カレンダー 表示
    件中 PR 人気 おすすめ まとめ Next Prev
    """,
}
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_PAIRS = 1 << 16


_SCRIPT = np.zeros(0x110000, np.uint8)
"""1 katakana, 2 Latin, 0 others: scripts whose words do not begin inside a run (オフ in オフセット)."""
_SCRIPT[0x30A1:0x30FB] = _SCRIPT[0x30FC] = 1
_SCRIPT[0x41:0x5B] = _SCRIPT[0x61:0x7B] = 2


def _pair(first: npt.NDArray[np.uint32], second: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    return (first * np.uint32(40503) + second) & np.uint32(_PAIRS - 1)


def _step(hashes: npt.NDArray[np.uint64], codepoints: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    return (hashes + codepoints) * _MULTIPLIER


def _lexicon() -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.uint64], npt.NDArray[np.float64]]:
    """Which pairs of characters begin a word; the hashes of all beginnings of words, ascending; what those that are whole
    words are worth as shop and as menu word [beginnings, 2]."""
    worth: dict[str, list[int]] = {}
    for kind, groups in enumerate((_SHOP, _MENU)):
        for value, words in groups.items():
            for word in words.split():
                worth.setdefault(word, [0, 0])[kind] = value
    begins = np.zeros(_PAIRS, bool)
    beginnings: dict[int, list[int]] = {}
    for word, values in worth.items():
        characters = np.array([[ord(character)] for character in word], np.uint32)
        begins[_pair(characters[0], characters[1])] = True
        key = np.zeros(1, np.uint64)
        for character in characters:
            key = _step(key, character)
            beginnings.setdefault(int(key[0]), [0, 0])
        beginnings[int(key[0])] = values
    hashes = sorted(beginnings)
    return begins, np.array(hashes, np.uint64), np.array([beginnings[key] for key in hashes], np.float64)


_BEGINS, _HASHES, _WORTH = _lexicon()


def word_evidence(table: LineTable) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """For each line what its shop words are worth, how many they are, and what its menu words are worth: three of [lines]."""
    shop, menu = np.zeros(len(table.texts)), np.zeros(len(table.texts))
    shop_words = np.zeros(len(table.texts), np.int64)
    codepoints = np.append(table.codepoints, np.uint32(0))
    places = np.flatnonzero(_BEGINS[_pair(codepoints[:-1], codepoints[1:])])
    lines = np.searchsorted(table.starts, places, side="right") - 1
    script, before = _SCRIPT[codepoints[places]], _SCRIPT[codepoints[places - 1]]
    free = (script == 0) | (script != before) | (places == table.starts[lines])
    places, lines = places[free], lines[free]
    ends = places
    hashes = np.zeros(len(places), np.uint64)
    while len(places):
        hashes = _step(hashes, codepoints[ends])
        ends = ends + 1
        at, going = find(_HASHES, hashes)
        last = ends == table.starts[lines + 1]
        script, after = _SCRIPT[codepoints[ends - 1]], _SCRIPT[codepoints[ends]]
        whole = going & ((script == 0) | (script != after) | last)
        worth = _WORTH[at] * whole[:, None]
        shop += np.bincount(lines, weights=worth[:, 0], minlength=len(shop))
        menu += np.bincount(lines, weights=worth[:, 1], minlength=len(menu))
        shop_words += np.bincount(lines[worth[:, 0] > 0], minlength=len(shop))
        going &= ~last
        places, lines, ends, hashes = places[going], lines[going], ends[going], hashes[going]
    return shop, shop_words, menu
