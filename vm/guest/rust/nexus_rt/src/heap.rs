//! The heap, from `__heap_start` to `__heap_end` of link.ld.
//!
//! Small blocks have a free list for each size, so that allocating and freeing them takes a handful of instructions;
//! larger ones share a list ordered by address in which neighbours are joined. What no list serves comes from the top
//! of the memory in use. Rust gives sizes back when it frees, so blocks have no headers.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::{self, addr_of_mut, null_mut};

/// Sizes are multiples of this, addresses too: the largest alignment of Rust's own types, and room to link a free
/// block.
const GRANULE: usize = 16;

/// Blocks up to this size have a list for their size.
const LARGEST_SMALL: usize = 512;

extern "C" {
    static mut __heap_start: u8;
    static mut __heap_end: u8;
}

#[repr(C)]
struct FreeBlock {
    next: *mut FreeBlock,
    size: usize,
}

struct Heap {
    /// Memory from here on is not in use.
    top: *mut u8,
    /// Memory from here on has never been in use, so that it is zero.
    fresh: *mut u8,
    /// By size in granules.
    small: [*mut FreeBlock; LARGEST_SMALL / GRANULE + 1],
    large: *mut FreeBlock,
}

struct Allocator(UnsafeCell<Heap>);

// SAFETY: the machine has one thread and no interrupts.
unsafe impl Sync for Allocator {}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator(UnsafeCell::new(Heap {
    top: addr_of_mut!(__heap_start),
    fresh: addr_of_mut!(__heap_start),
    small: [null_mut(); LARGEST_SMALL / GRANULE + 1],
    large: null_mut(),
}));

/// The bytes that a block for `size` takes. A `Layout`'s size is at most `isize::MAX`.
fn rounded(size: usize) -> usize {
    (size + (GRANULE - 1)) & !(GRANULE - 1)
}

impl Heap {
    /// Memory from the top; whatever lies between it and the former top becomes free. Null if there is not enough.
    unsafe fn take_from_top(&mut self, size: usize, align: usize) -> *mut u8 {
        let top = self.top as usize;
        let start = (top + (align - 1)) & !(align - 1);
        let end = addr_of_mut!(__heap_end) as usize;
        if start < top || start > end || end - start < size {
            return null_mut();
        }
        let gap = start - top;
        let first = self.top;
        self.top = first.add(gap + size);
        if self.top > self.fresh {
            self.fresh = self.top;
        }
        if gap != 0 {
            self.release(first, gap);
        }
        first.add(gap)
    }

    unsafe fn allocate(&mut self, size: usize, align: usize) -> *mut u8 {
        if size <= LARGEST_SMALL {
            let list = &mut self.small[size / GRANULE];
            let block = *list;
            // Larger alignments are rare; what was freed last may have had the same.
            if !block.is_null() && (align <= GRANULE || block as usize % align == 0) {
                *list = (*block).next;
                return block.cast();
            }
        }
        let block = self.take_large(size, align);
        if block.is_null() {
            self.take_from_top(size, align)
        } else {
            block
        }
    }

    /// Memory from the first large block with enough of it, the rest of which stays free; null if there is none.
    unsafe fn take_large(&mut self, size: usize, align: usize) -> *mut u8 {
        let mut link: *mut *mut FreeBlock = addr_of_mut!(self.large);
        while !(*link).is_null() {
            let block = *link;
            let gap = (block as usize).wrapping_neg() & (align - 1);
            if (*block).size >= gap + size {
                let rest = (*block).size - gap - size;
                *link = (*block).next;
                let start: *mut u8 = block.cast::<u8>().add(gap);
                if gap != 0 {
                    self.release(block.cast(), gap);
                }
                if rest != 0 {
                    self.release(start.add(size), rest);
                }
                return start;
            }
            link = addr_of_mut!((*block).next);
        }
        null_mut()
    }

    unsafe fn release(&mut self, block: *mut u8, size: usize) {
        if block.add(size) == self.top {
            self.top = block;
        } else if size <= LARGEST_SMALL {
            let list = &mut self.small[size / GRANULE];
            let free: *mut FreeBlock = block.cast();
            (*free).next = *list;
            *list = free;
        } else {
            self.release_large(block.cast(), size);
        }
    }

    unsafe fn release_large(&mut self, block: *mut FreeBlock, size: usize) {
        let mut before: *mut FreeBlock = null_mut();
        let mut after = self.large;
        while !after.is_null() && after < block {
            before = after;
            after = (*after).next;
        }
        (*block).next = after;
        (*block).size = size;
        if block.byte_add(size) == after {
            (*block).size += (*after).size;
            (*block).next = (*after).next;
        }
        if before.is_null() {
            self.large = block;
        } else if before.byte_add((*before).size) == block {
            (*before).size += (*block).size;
            (*before).next = (*block).next;
        } else {
            (*before).next = block;
        }
    }
}

// SAFETY: blocks come from one list or from above the top, and so overlap none in use; sizes and alignments are those
// of the layout, rounded up.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        (*self.0.get()).allocate(rounded(layout.size()), layout.align())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let fresh = (*self.0.get()).fresh;
        let block = self.alloc(layout);
        if !block.is_null() && block < fresh {
            ptr::write_bytes(block, 0, layout.size());
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        (*self.0.get()).release(block, rounded(layout.size()));
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let heap = &mut *self.0.get();
        let old = rounded(layout.size());
        let new = rounded(new_size);
        if new <= old {
            if new < old {
                heap.release(block.add(new), old - new);
            }
            return block;
        }
        // The last block grows where it is.
        if block.add(old) == heap.top && !heap.take_from_top(new - old, GRANULE).is_null() {
            return block;
        }
        let moved = heap.allocate(new, layout.align());
        if !moved.is_null() {
            ptr::copy_nonoverlapping(block, moved, layout.size());
            heap.release(block, old);
        }
        moved
    }
}
