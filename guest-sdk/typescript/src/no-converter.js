// The library's own converters.
module.exports = {};
