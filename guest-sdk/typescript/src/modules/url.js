import { URL, URLSearchParams } from '../environment/url.js';

export { URL, URLSearchParams };
