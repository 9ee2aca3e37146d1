/** Something that the user can mend, said in the user's terms. */
export class Mistake extends Error {}
