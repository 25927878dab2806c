type Constructor = abstract new (...given: never[]) => object;

/** By what stands for `new.target` in one call: the object that the constructor is to work on. */
const adopted = new WeakMap<object, object>();

/**
 * A class that can be called as the classes of `node:tls` can: without `new`, and on an object of a class that ES5 code
 * derives from it (`TLSSocket.call(this)` behind `util.inherits`).
 * @param made its first base is one of `adopting`; otherwise each call makes an object of its own
 */
export function callable<Made extends Constructor>(made: Made): Made {
  const proxy: Made = new Proxy(made, {
    apply(target, self: object, given) {
      if (!(self instanceof target)) return Reflect.construct(target as never, given);
      const newTarget = function adopter(): void {};
      newTarget.prototype = Object.getPrototypeOf(self);
      adopted.set(newTarget, self);
      return Reflect.construct(target as never, given, newTarget);
    },
  });
  Object.defineProperty(made.prototype, 'constructor', { value: proxy, writable: true, configurable: true });
  return proxy;
}

/**
 * A base for classes that `callable` is given: one of Node's constructors in the style of ES5, which works on the object
 * that there is, where there is one. The fields of the classes above it, private ones too, come onto that object.
 */
export function adopting<Base extends Constructor>(base: Base): Base {
  return new Proxy(base, {
    construct(target, given, newTarget) {
      const self = adopted.get(newTarget);
      if (self === undefined) return Reflect.construct(target as never, given, newTarget) as object;
      Reflect.apply(target as never, self, given);
      return self;
    },
  });
}
