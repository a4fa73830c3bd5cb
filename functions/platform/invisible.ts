/** Characters that show nothing, for a class of a regular expression with the flag `u`: controls, joiners, spaces, marks, fillers. */
export const invisible = '\\p{Cc}\\p{Cf}\\p{Z}\\p{M}\\u115f\\u1160\\u2800\\u3164\\uffa0'
