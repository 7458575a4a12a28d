//! Who took what: users and items as numbers, each pair once.

use rayon::prelude::*;

/// A bipartite graph as sparse rows: the items of each user, ascending. The same shape holds the users of each item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Baskets {
    items: usize,
    /// One more than users.
    offsets: Vec<usize>,
    columns: Vec<u32>,
}

/// What is left of baskets after a filter, and the old numbers of what was kept.
pub(crate) struct Kept {
    pub(crate) baskets: Baskets,
    #[cfg_attr(not(test), expect(dead_code, reason = "what the tests compare with counting by hand"))]
    pub(crate) users: Vec<u32>,
    pub(crate) items: Vec<u32>,
}

impl Baskets {
    /// From (user, item) pairs in any order and number; numbers beyond `users` and `items` are left out.
    pub(crate) fn new(users: usize, items: usize, mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.retain(|&(user, item)| (user as usize) < users && (item as usize) < items);
        pairs.par_sort_unstable();
        pairs.dedup();
        Self::from_sorted(users, items, &pairs)
    }

    fn from_sorted(users: usize, items: usize, pairs: &[(u32, u32)]) -> Self {
        let mut offsets = vec![0; users + 1];
        pairs.iter().for_each(|&(user, _)| offsets[user as usize + 1] += 1);
        for user in 0..users {
            offsets[user + 1] += offsets[user];
        }
        Self { items, offsets, columns: pairs.iter().map(|&(_, item)| item).collect() }
    }

    pub(crate) fn users(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// Number of (user, item) pairs.
    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }

    /// The items of a user, ascending.
    pub(crate) fn basket(&self, user: usize) -> &[u32] {
        &self.columns[self.offsets[user]..self.offsets[user + 1]]
    }

    /// All baskets, by user.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u32]> + '_ {
        (0..self.users()).map(|user| self.basket(user))
    }

    /// Number of users of each item.
    pub(crate) fn popularity(&self) -> Vec<u32> {
        let mut counts = vec![0; self.items];
        self.columns.iter().for_each(|&item| counts[item as usize] += 1);
        counts
    }

    /// The users of each item.
    pub(crate) fn transpose(&self) -> Self {
        let mut offsets = vec![0; self.items + 1];
        self.columns.iter().for_each(|&item| offsets[item as usize + 1] += 1);
        for item in 0..self.items {
            offsets[item + 1] += offsets[item];
        }
        let (mut next, mut columns) = (offsets.clone(), vec![0; self.columns.len()]);
        for (basket, user) in self.iter().zip(0..) {
            for &item in basket {
                columns[next[item as usize]] = user;
                next[item as usize] += 1;
            }
        }
        Self { items: self.users(), offsets, columns }
    }

    /// The users for which `keep` holds; users keep their numbers, the others have empty baskets.
    pub(crate) fn of_users(&self, keep: impl Fn(usize) -> bool) -> Self {
        let mut kept = Self { items: self.items, offsets: vec![0], columns: Vec::new() };
        for (user, basket) in self.iter().enumerate() {
            if keep(user) {
                kept.columns.extend_from_slice(basket);
            }
            kept.offsets.push(kept.columns.len());
        }
        kept
    }

    /// The k-core: the largest part in which every user has `core` items and every item `core` users (Batagelj and
    /// Zaversnik 2003). Numbers of users and items are closed up.
    pub(crate) fn core(&self, core: usize) -> Kept {
        let transposed = self.transpose();
        let mut user_degree: Vec<usize> = self.iter().map(<[u32]>::len).collect();
        let mut item_degree: Vec<usize> = transposed.iter().map(<[u32]>::len).collect();
        // Users are 0.., items are users..: one list of what is to be taken out.
        let users = self.users();
        let mut gone = vec![false; users + self.items];
        let mut queue: Vec<usize> = (0..users).filter(|&user| user_degree[user] < core).collect();
        queue.extend((0..self.items).filter(|&item| item_degree[item] < core).map(|item| users + item));
        queue.iter().for_each(|&node| gone[node] = true);
        while let Some(node) = queue.pop() {
            let (neighbours, degrees, offset) = if node < users {
                (self.basket(node), &mut item_degree, users)
            } else {
                (transposed.basket(node - users), &mut user_degree, 0)
            };
            for &neighbour in neighbours {
                let neighbour = neighbour as usize;
                degrees[neighbour] -= 1;
                if degrees[neighbour] < core && !gone[neighbour + offset] {
                    gone[neighbour + offset] = true;
                    queue.push(neighbour + offset);
                }
            }
        }
        self.keep(&|user| !gone[user], &|item| !gone[users + item])
    }

    /// The users and items for which both hold, with their numbers closed up.
    fn keep(&self, user: &dyn Fn(usize) -> bool, item: &dyn Fn(usize) -> bool) -> Kept {
        let users: Vec<u32> = (0..self.users()).filter(|&u| user(u)).map(|u| u as u32).collect();
        let items: Vec<u32> = (0..self.items).filter(|&i| item(i)).map(|i| i as u32).collect();
        let mut number = vec![u32::MAX; self.items];
        items.iter().zip(0..).for_each(|(&old, new)| number[old as usize] = new);
        let mut baskets = Self { items: items.len(), offsets: vec![0], columns: Vec::new() };
        for &user in &users {
            let kept = self.basket(user as usize).iter().map(|&item| number[item as usize]);
            baskets.columns.extend(kept.filter(|&item| item != u32::MAX));
            baskets.offsets.push(baskets.columns.len());
        }
        Kept { baskets, users, items }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn pairs() -> impl Strategy<Value = Vec<(u32, u32)>> {
        prop::collection::vec((0u32..12, 0u32..10), 0..90)
    }

    /// Takes out one too small user or item after another until there is none.
    fn naive_core(pairs: &[(u32, u32)], core: usize) -> BTreeSet<(u32, u32)> {
        let mut left: BTreeSet<(u32, u32)> = pairs.iter().copied().collect();
        loop {
            let before = left.len();
            let of_user = |u: u32, left: &BTreeSet<(u32, u32)>| left.iter().filter(|p| p.0 == u).count();
            let of_item = |i: u32, left: &BTreeSet<(u32, u32)>| left.iter().filter(|p| p.1 == i).count();
            let now = left.clone();
            left.retain(|&(u, i)| of_user(u, &now) >= core && of_item(i, &now) >= core);
            if left.len() == before {
                return left;
            }
        }
    }

    proptest! {
        #[test]
        fn the_core_is_what_repeated_filtering_leaves(pairs in pairs(), core in 1usize..5) {
            let kept = Baskets::new(12, 10, pairs.clone()).core(core);
            let told: BTreeSet<(u32, u32)> = kept.baskets.iter().zip(&kept.users)
                .flat_map(|(basket, &user)| basket.iter().map(move |&item| (user, item)))
                .map(|(user, item)| (user, kept.items[item as usize])).collect();
            prop_assert_eq!(told, naive_core(&pairs, core));
        }

        #[test]
        fn transposing_twice_changes_nothing(pairs in pairs()) {
            let baskets = Baskets::new(12, 10, pairs);
            prop_assert_eq!(&baskets.transpose().transpose(), &baskets);
            prop_assert_eq!(baskets.popularity().iter().sum::<u32>() as usize, baskets.len());
        }
    }
}
