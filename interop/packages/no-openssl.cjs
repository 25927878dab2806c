// Where this is loaded, whatever does TLS by OpenSSL fails.
process.noDeprecation = true;
process.binding('tls_wrap').wrap = () => {
  throw new Error('OpenSSL was asked for TLS');
};
process.noDeprecation = false;
