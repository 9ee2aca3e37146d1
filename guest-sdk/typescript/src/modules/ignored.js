// Stands for a module that is imported and, so package.json says, never called.
module.exports = {};
