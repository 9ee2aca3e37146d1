module.exports = globalThis.assert;
