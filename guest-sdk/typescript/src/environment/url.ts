// URL and URLSearchParams, put into a bundle whose code names them.

import './text-globals.js';

export { URL, URLSearchParams } from 'whatwg-url';
