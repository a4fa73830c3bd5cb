/** A field's name as a log may repeat it: a word, which no text and no number of anybody's is. */
export const loggedName = (name: string) => (/^[a-z]\w{0,39}$/i.test(name) ? name : '(no word)')
