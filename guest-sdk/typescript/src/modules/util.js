module.exports = { TextEncoder, TextDecoder };
