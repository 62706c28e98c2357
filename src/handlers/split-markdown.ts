/**
 * Splits a text into pieces that fit. Each piece is as long as possible. It ends after a paragraph, a line or a word if
 * such an end is in its second half. `fits` must be true for short texts and false from some length on.
 */
export function splitMarkdown(text: string, fits: (piece: string) => boolean): string[] {
  const pieces: string[] = []
  let rest = text
  while (rest !== '' && !fits(rest)) {
    const end = cutOf(rest.slice(0, longest(rest, fits)))
    pieces.push(rest.slice(0, end))
    rest = rest.slice(end)
  }
  return rest === '' ? pieces : [...pieces, rest]
}

function longest(text: string, fits: (piece: string) => boolean): number {
  let [most, least] = [text.length, 1]
  while (least < most) {
    const middle = Math.ceil((least + most) / 2)
    if (fits(text.slice(0, middle))) least = middle
    else most = middle - 1
  }
  return least
}

function cutOf(piece: string): number {
  for (const end of ['\n\n', '\n', ' ']) {
    const at = piece.lastIndexOf(end)
    if (at >= piece.length / 2) return at + end.length
  }
  // A surrogate pair must not be cut.
  const isHigh = /[\uD800-\uDBFF]$/.test(piece)
  return isHigh && piece.length > 1 ? piece.length - 1 : piece.length
}
