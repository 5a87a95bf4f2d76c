/** Number of single-letter edits between two words (Levenshtein); for words, not for books. */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, swap))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** `did you mean "X"?`, or what to do when none is near; if not said, the list of choices. */
export function didYouMean(
  word: string,
  choices: readonly string[],
  otherwise = `known are: ${choices.join(', ')}`,
): string {
  if (choices.length === 0) return 'there are none'
  const [best] = [...choices].sort((a, b) => distance(word, a) - distance(word, b))
  const near = best !== undefined && distance(word, best) <= Math.max(2, Math.floor(word.length / 4))
  return near ? `did you mean "${best}"?` : otherwise
}
