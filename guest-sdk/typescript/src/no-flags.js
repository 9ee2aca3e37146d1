// Versions of the library that have no behaviour flags.
export const SdkFlags = {};
