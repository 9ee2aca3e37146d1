// URL and URLSearchParams, put into a bundle whose code names them.

export { URL, URLSearchParams } from 'whatwg-url';
