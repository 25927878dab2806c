// Where this is loaded, whatever does TLS by OpenSSL fails.
process.noDeprecation = true;
const binding = process.binding('tls_wrap');
const { wrap } = binding;
binding.wrap = (handle, ...given) => {
  // What stands below a duplex is there to be had, for http2, and carries nothing.
  if (handle.constructor.name === 'JSStream') return wrap(handle, ...given);
  throw new Error('OpenSSL was asked for TLS');
};
process.noDeprecation = false;
