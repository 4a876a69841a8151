/// A method and what answers it. A class, so that a call holds it by one reference.
final class Route: Sendable {
  typealias Handler = Router.CallHandler

  let method: MethodDescriptor
  let handler: Handler
  /// What stands around the handler; nil: nothing.
  let interceptors: ServerInterceptorChain?
  /// The method's path, as it comes over the wire.
  fileprivate let path: [UInt8]

  init(
    _ method: MethodDescriptor, within interceptors: ServerInterceptorChain? = nil,
    handler: @escaping Handler
  ) {
    self.method = method
    self.interceptors = interceptors
    self.handler = handler
    path = Array(method.path.utf8)
  }

  /// The same with interceptors, in place of those it has.
  func within(_ interceptors: [any ServerInterceptor]) -> Route {
    Route(method, within: ServerInterceptorChain(interceptors, for: method), handler: handler)
  }
}

/// Finds a route by the bytes of a path, without making a string of them.
///
/// Open addressing, at most half full. Peers choose what is looked up and never what is in the
/// table, so that a weak hash can't be turned against it: a look costs the same few steps at most
/// as the server's own paths need.
struct RouteTable: Sendable {
  /// In the order of adding.
  private(set) var routes: [Route] = []

  /// Puts another route for the same path into each one's place.
  mutating func replaceEach(_ other: (Route) -> Route) {
    routes = routes.map(other)
  }

  /// A place in `routes` plus one; zero: free. Its count is a power of two.
  private var slots: [Int32] = [0, 0]

  /// Adds a route, or puts it in the place of one with the same path.
  mutating func add(_ route: Route) {
    let path = route.path
    if let place = place(of: path.span) {
      routes[place] = route
      return
    }
    routes.append(route)
    if routes.count * 2 > slots.count {
      slots = Array(repeating: 0, count: slots.count * 2)
      for place in routes.indices { enter(place) }
    } else {
      enter(routes.count - 1)
    }
  }

  /// The route of a path; nil: none has it.
  func find(_ path: Span<UInt8>) -> Route? {
    place(of: path).map { routes[$0] }
  }

  private mutating func enter(_ place: Int) {
    let path = routes[place].path
    var index = hash(path.span)
    while slots[index] != 0 { index = (index + 1) & (slots.count - 1) }
    slots[index] = Int32(truncatingIfNeeded: place + 1)
  }

  private func place(of path: Span<UInt8>) -> Int? {
    var index = hash(path)
    while slots[index] != 0 {
      let place = Int(slots[index]) - 1
      let own = routes[place].path
      if own.span.holdsSameBytes(as: path) { return place }
      index = (index + 1) & (slots.count - 1)
    }
    return nil
  }

  /// Methods of a service differ in their last letters.
  private func hash(_ path: Span<UInt8>) -> Int {
    var hash = UInt64(truncatingIfNeeded: path.count)
    for index in max(0, path.count - 12)..<path.count {
      hash = (hash ^ UInt64(path[index])) &* 0x0000_0100_0000_01b3
    }
    return Int(truncatingIfNeeded: (hash ^ hash >> 32)) & (slots.count - 1)
  }
}
